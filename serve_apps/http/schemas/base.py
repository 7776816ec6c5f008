"""Base models and types of bodies and parameters: strict, bounded, described, with an example.

Input is validated here, before anything uses it: unknown keys are rejected, a text has a maximum
length and an alphabet, a number has bounds. So no request can make the service fail unexpectedly.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from fastapi import Path
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field


def _to_utc(time: datetime) -> datetime:
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise ValueError("it is outside of the calendar") from None


Utc = Annotated[AwareDatetime, AfterValidator(_to_utc)]
"""A time with a zone; in responses always UTC, with a Z."""

SettingsId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]{0,63}$")]
"""An id from the settings: of a school, a room or a camera."""

LessonId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$")]
StudentId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
"""A student's id in Homeroom: random, and meaningless outside of it."""

RoomPath = Annotated[SettingsId, Path(description="The room's id.", examples=["room-12"])]
CameraPath = Annotated[SettingsId, Path(description="The camera's id.", examples=["cam-12"])]
LessonPath = Annotated[
    LessonId, Path(description="The lesson's id.", examples=["room-12-20260302-0900-5f2c8a11"])
]

Model = TypeVar("Model", bound="Body")


class Body(BaseModel):
    """Base of all bodies: immutable, without unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Page(Body):
    """Base of every list."""

    next: str | None = Field(description="Send it as `cursor` for the next page; null at the end.")


def example_response(
    model: type[Model], example: Mapping[str, Any], description: str, status: int = 200
) -> dict[int | str, dict[str, Any]]:
    """Return a response for OpenAPI, with an example that is validated.

    Args:
        model: Model of the body.
        example: The example as JSON.
        description: Description of the response.
        status: HTTP status.

    Raises:
        ValidationError: The example does not match the model.
    """
    model.model_validate(example)
    content = {"application/json": {"example": dict(example)}}
    return {status: {"model": model, "description": description, "content": content}}


def example_config(example: Mapping[str, Any]) -> ConfigDict:
    """Return the configuration of a request's model, with an example for OpenAPI."""
    return ConfigDict(json_schema_extra={"examples": [dict(example)]})
