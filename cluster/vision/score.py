"""What the score says of the shipped models: the few measures that the product itself needs.

    python -m bench.accuracy -> bench/results/accuracy.json
    python -m bench.accuracy --write-docs -> score.json beside this file, and the pages

`tests/bench/scoring/test_shipped.py` fails if `score.json` is not of those results.
"""

from importlib.resources import files
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

FILE: Final = "score.json"


class ModelScore(BaseModel):
    """Measures of the product with its default settings, over rendered clips.

    Attributes:
        model: Id of the pose model that was scored.
        clips: How many clips.
        people_counted: People who were counted for each who is there; those who are not there
            count too.
        window_error: Mean of |found − true| / true of windows.
        reading_and_writing: The lowest of precision and recall of reading and of writing.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    clips: int = Field(ge=2)
    people_counted: float = Field(gt=0)
    window_error: float = Field(ge=0)
    reading_and_writing: float = Field(ge=0, le=1)


def _shipped_score() -> ModelScore:
    return ModelScore.model_validate_json((files(__package__) / FILE).read_bytes())


SCORE: Final = _shipped_score()
"""Of the models in this package."""
