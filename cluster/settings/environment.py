"""The environment variables that override settings, and processes that must not see them."""

import os
from typing import Any, Final

ENV_PREFIX: Final = "HOMEROOM_"
ENV_SETTINGS_FILE: Final = "HOMEROOM_SETTINGS"
"""The path of the settings file; the only variable with the prefix that is not a key."""


def variables_of_homeroom() -> list[str]:
    """Return the names of the environment variables that override settings."""
    return sorted(
        name
        for name in os.environ
        if name.upper().startswith(ENV_PREFIX) and name != ENV_SETTINGS_FILE
    )


def environment_without_settings() -> dict[str, Any]:
    """Return Ray's options of an actor that must not see settings in its environment.

    It inherits the environment of its node. The variables, secrets among them, are empty in it.
    """
    blanked = dict.fromkeys(variables_of_homeroom(), "")
    return {"runtime_env": {"env_vars": blanked}} if blanked else {}
