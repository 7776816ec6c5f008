"""Renders a commented `homeroom.toml` from the descriptions and bounds of the settings."""

import re
import types
import typing
from dataclasses import dataclass
from typing import Any, Literal

from annotated_types import Ge, Le
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from cluster.settings import Camera, Room, School, Settings
from cluster.settings.toml import toml_value

HEAD = """\
# Homeroom's settings. A key that is commented out has the value shown.
# Environment variables override this file: HOMEROOM_PRIVACY__K=12, HOMEROOM_DATA_DIR=/srv/…
# `homeroom check` says what is wrong, and where.
"""


MAX_IDENTIFIER_LENGTH = 50


@dataclass(frozen=True, slots=True)
class FirstSchool:
    """Names of the first school, room and camera."""

    school: str
    timezone: str
    room: str
    camera_id: str | None = None


def render_settings(first: FirstSchool, values: dict[str, Any] | None = None) -> str:
    """Render the settings file of one school, one room and one camera.

    Args:
        first: Names.
        values: Keys to set, others are commented out with their default, like `{"privacy": {"k":
            5}}`.
    """
    overrides = values or {}
    school_id, room_id = _identifier(first.school), _identifier(first.room)
    camera_id = first.camera_id or f"{room_id}-front"
    tables: dict[str, dict[str, Any]] = {
        "schools": {"id": school_id, "name": first.school, "timezone": first.timezone},
        "rooms": {"id": room_id, "school": school_id, "name": first.room},
        "cameras": {"id": camera_id, "room": room_id},
    }
    kinds: dict[str, type[BaseModel]] = {"schools": School, "rooms": Room, "cameras": Camera}
    parts = [HEAD]
    for name, field in Settings.model_fields.items():
        if name not in kinds and not _is_table(field):
            parts.append(_key(name, field, overrides.get(name)))
    for name, kind in kinds.items():
        parts.append(f"\n# {Settings.model_fields[name].description} One [[{name}]] for each.")
        parts.append(f"[[{name}]]")
        parts += [_key(n, f, tables[name].get(n)) for n, f in kind.model_fields.items()]
    for name, field in Settings.model_fields.items():
        if _is_table(field):
            kind = typing.cast("type[BaseModel]", field.annotation)
            parts.append(f"\n# {field.description}")
            parts.append(f"[{name}]")
            table = overrides.get(name, {})
            parts += [_key(n, f, table.get(n)) for n, f in kind.model_fields.items()]
    return "\n".join(parts) + "\n"


def _is_table(field: FieldInfo) -> bool:
    return isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)


def _key(name: str, field: FieldInfo, value: Any) -> str:
    comment = f"# {field.description}{_bounds(field)}"
    if value is not None:
        return f"{comment}\n{name} = {toml_value(value)}"
    default = field.get_default(call_default_factory=True)
    shown = "…" if default in (None, PydanticUndefined) else toml_value(default)
    return f"{comment}\n# {name} = {shown}"


def _bounds(field: FieldInfo) -> str:
    choices = _choices(field.annotation)
    if choices:
        return f" One of {', '.join(toml_value(choice) for choice in choices)}."
    low = next((m.ge for m in field.metadata if isinstance(m, Ge)), None)
    high = next((m.le for m in field.metadata if isinstance(m, Le)), None)
    return f" From {low} to {high}." if low is not None and high is not None else ""


def _choices(annotation: Any) -> tuple[Any, ...]:
    if typing.get_origin(annotation) is Literal:
        return typing.get_args(annotation)
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return next((found for a in typing.get_args(annotation) if (found := _choices(a))), ())
    return ()


def _identifier(name: str) -> str:
    """Return an identifier that is safe in file names: `Room 12` becomes `room-12`."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower())[:MAX_IDENTIFIER_LENGTH].strip("-") or "first"
