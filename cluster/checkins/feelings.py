"""The seven words that a check-in asks with. Nothing else in Homeroom has a word for a feeling."""

from enum import StrEnum


class Feeling(StrEnum):
    """What a student may say, in the order in which it is asked."""

    SURPRISED = "surprised"
    SAD = "sad"
    ANGRY = "angry"
    HAPPY = "happy"
    PUT_OFF = "put_off"
    AFRAID = "afraid"
    NEUTRAL = "neutral"
