"""Fields of forms, checked like everything that comes in.

Read after the door has let the caller in, by the same reader that looks for the session's word.
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, ValidationError

from serve_apps.http.auth.cookies import read_form

Model = TypeVar("Model", bound="FormBody")


class FormBody(BaseModel):
    """Base of every form; `csrf` and what a browser adds besides are left aside."""

    model_config = ConfigDict(extra="ignore", frozen=True)


def form(model: type[Model]) -> Any:
    """A dependency that gives the fields of a form.

    Args:
        model: Of the fields.
    """

    async def read(request: Request) -> Model:
        try:
            return model.model_validate(await read_form(request))
        except ValidationError as error:
            raise RequestValidationError(error.errors(include_context=False)) from None

    reader: Callable[[Request], Awaitable[Model]] = read
    return Depends(reader)
