"""What bodies and parameters of the API are made of: strict, bounded, described, with an example.

Whatever comes in is checked here, before anything works with it: a key that is not named is
refused, a text has a longest length and an alphabet, a number has bounds. So no request can make
the service fail in a way that it did not expect.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from fastapi import Path
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("it lies outside of the calendar") from None


Utc = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""A moment; in answers always with a Z."""

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]{0,63}$")]
"""An id from the settings: a school's, a room's, a camera's."""

LessonName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$")]
StudentName = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
"""A student's id in Homeroom: random, and empty of meaning outside of it."""

RoomPath = Annotated[Name, Path(description="The room's id.", examples=["room-12"])]
CameraPath = Annotated[Name, Path(description="The camera's id.", examples=["cam-12"])]
LessonPath = Annotated[
    LessonName, Path(description="The lesson's id.", examples=["room-12-20260302-0900-5f2c8a11"])
]

Model = TypeVar("Model", bound="Body")


class Body(BaseModel):
    """Base of everything that is sent or received."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Page(Body):
    """Base of every list."""

    next: str | None = Field(
        description="Give it as `cursor` for what comes after; null at the end."
    )


def example_response(
    model: type[Model], example: Mapping[str, Any], description: str, status: int = 200
) -> dict[int | str, dict[str, Any]]:
    """An operation's answer for OpenAPI, with an example that the model accepts.

    Args:
        model: Of the answer.
        example: As JSON.
        description: What the answer is.
        status: Its HTTP status.

    Raises:
        ValidationError: The example is none; found when the module is imported.
    """
    model.model_validate(example)
    content = {"application/json": {"example": dict(example)}}
    return {status: {"model": model, "description": description, "content": content}}


def example_config(example: Mapping[str, Any]) -> ConfigDict:
    """What a model of a request is configured with, for an example in OpenAPI."""
    return ConfigDict(json_schema_extra={"examples": [dict(example)]})
