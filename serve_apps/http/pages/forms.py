"""Fields of HTML forms as pydantic models.

Parsed by the reader that the CSRF check uses, so that both see the same few fields.
FastAPI's `Form()` would consume the body before that check, and accept multipart bodies and a
thousand fields.
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, ValidationError

from serve_apps.http.auth.cookies import read_form

Model = TypeVar("Model", bound="FormBody")


class FormBody(BaseModel):
    """Base of every form; `csrf` and unknown fields are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)


def form(model: type[Model]) -> Any:
    """Return a dependency that parses and validates a form.

    Args:
        model: The form's fields.
    """

    async def parse(request: Request) -> Model:
        try:
            return model.model_validate(await read_form(request))
        except ValidationError as error:
            raise RequestValidationError(error.errors(include_context=False)) from None

    parser: Callable[[Request], Awaitable[Model]] = parse
    return Depends(parser)
