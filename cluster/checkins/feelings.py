"""The seven feelings of a check-in (R1). Nothing else in Homeroom names a feeling."""

from enum import StrEnum


class Feeling(StrEnum):
    """What a student may answer, in the order of the question."""

    SURPRISED = "surprised"
    SAD = "sad"
    ANGRY = "angry"
    HAPPY = "happy"
    PUT_OFF = "put_off"
    AFRAID = "afraid"
    NEUTRAL = "neutral"
