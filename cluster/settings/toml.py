"""Settings as TOML."""

import json
from typing import Any

from cluster.settings import Settings
from cluster.settings.redacted import without_secrets


def toml_value(value: Any) -> str:
    """Format a string, number, boolean or list as TOML."""
    plain = value if isinstance(value, bool | int | float | list | tuple) else str(value)
    # JSON's strings are TOML's, but for the one control character that JSON leaves as it is.
    return json.dumps(plain, ensure_ascii=False).replace("\x7f", "\\u007F")


def settings_to_toml(settings: Settings) -> str:
    """Format settings, without their secrets, as a file that `load_settings` reads."""
    values = without_secrets(settings).model_dump(mode="json", exclude_none=True)
    tables = {name: [table] for name, table in values.items() if isinstance(table, dict)}
    arrays = {name: rows for name, rows in values.items() if isinstance(rows, list)}
    keys = {name: value for name, value in values.items() if name not in {*tables, *arrays}}
    lines = _keys(keys)
    for name, rows in {**tables, **arrays}.items():
        for row in rows:
            lines += ["", f"[{name}]" if name in tables else f"[[{name}]]", *_keys(row)]
    return "\n".join(lines) + "\n"


def _keys(table: dict[str, Any]) -> list[str]:
    return [f"{key} = {toml_value(value)}" for key, value in table.items()]
