"""Settings: one `homeroom.toml`, overridden by environment variables `HOMEROOM_…`.

Every key has a type, bounds and a description. Unknown keys are rejected, so that a typo cannot
silently leave a rule at its default. `homeroom check` prints what `load_settings` raises.
"""

import hashlib
import json
import os
import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings import SettingsError as UnreadableVariable

from cluster.errors import SettingsError
from cluster.settings.access import AccessMapping, AccessSettings
from cluster.settings.environment import (
    ENV_PREFIX,
    ENV_SETTINGS_FILE,
    environment_without_settings,
    variables_of_homeroom,
)
from cluster.settings.messages import describe_problems
from cluster.settings.references import dangling_references, duplicates
from cluster.settings.tables import (
    INPUT_SIZES,
    MIN_K,
    AnalysisSettings,
    ArchiveSettings,
    Camera,
    CheckinSettings,
    District,
    Fraction,
    Identifier,
    LiveSettings,
    Polygon,
    PrivacySettings,
    RecordsSettings,
    RegisterSettings,
    Room,
    School,
    SecuritySettings,
    SettingsTable,
    WeightsSettings,
)

__all__ = [
    "ENV_PREFIX",
    "ENV_SETTINGS_FILE",
    "INPUT_SIZES",
    "MIN_K",
    "SETTINGS_FILE",
    "AccessMapping",
    "AccessSettings",
    "AnalysisSettings",
    "ArchiveSettings",
    "Camera",
    "CheckinSettings",
    "District",
    "Fraction",
    "Identifier",
    "LiveSettings",
    "Polygon",
    "PrivacySettings",
    "RecordsSettings",
    "RegisterSettings",
    "Room",
    "School",
    "SecuritySettings",
    "Settings",
    "WeightsSettings",
    "analysis_digest",
    "environment_without_settings",
    "load_settings",
    "parse_settings",
    "settings_path",
    "variables_of_homeroom",
]

SETTINGS_FILE = "homeroom.toml"


LIVE_ONLY_KEYS = {"address", "substream", "credentials_file", "decode"}
"""Keys of a camera that do not affect the analysis of its archived footage."""


class Settings(BaseSettings):
    """All settings of one installation. Paths are absolute after loading."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
        nested_model_default_partial_update=True,
    )

    data_dir: Path = Field(
        Path("homeroom-data"), description="Folder of the lake and the warehouse."
    )
    cache_dir: Path | None = Field(
        None, description="Folder of converted models; the user's cache folder unless set."
    )
    timetable: Path | None = Field(
        None,
        description="A timetable that is imported into the records whenever it has changed: CSV "
        "of lessons (lesson_id, room_id, class_id, starts_at, ends_at with zone), CSV of weekly "
        "hours, or iCalendar. Unset: import one with `homeroom roster timetable`.",
    )
    closures: Path | None = Field(
        None,
        description="Days on which schools are closed, for every import of a timetable: iCalendar "
        "or CSV (from, to, school).",
    )
    bells: Path | None = Field(
        None,
        description="Times of the class periods, for weekly hours by period: CSV (period, start, "
        "end, weekday).",
    )
    week_a: date | None = Field(
        None,
        description="A day of an A week, for weekly hours of A and B weeks; unset: the earliest "
        "`from` of the file.",
    )
    district: District = Field(default_factory=lambda: District(), description="The district.")
    schools: list[School] = Field(default_factory=list, description="Its schools.")
    rooms: list[Room] = Field(default_factory=list, description="Their rooms.")
    cameras: list[Camera] = Field(default_factory=list, description="The cameras in them.")
    analysis: AnalysisSettings = Field(
        default_factory=lambda: AnalysisSettings(), description="How to analyse."
    )
    privacy: PrivacySettings = Field(
        default_factory=lambda: PrivacySettings(), description="Suppression of small groups."
    )
    weights: WeightsSettings = Field(
        default_factory=lambda: WeightsSettings(), description="Model files."
    )
    records: RecordsSettings = Field(
        default_factory=lambda: RecordsSettings(), description="The records."
    )
    security: SecuritySettings = Field(
        default_factory=lambda: SecuritySettings(), description="Keys."
    )
    registers: RegisterSettings = Field(
        default_factory=lambda: RegisterSettings(), description="Taking attendance."
    )
    live: LiveSettings = Field(
        default_factory=lambda: LiveSettings(), description="The live service."
    )
    access: AccessSettings = Field(
        default_factory=lambda: AccessSettings(), description="Sign-in and limits."
    )
    archive: ArchiveSettings = Field(
        default_factory=lambda: ArchiveSettings(), description="Archive jobs over HTTP."
    )
    checkins: CheckinSettings = Field(
        default_factory=lambda: CheckinSettings(), description="Check-ins: students' own answers."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 (the signature is pydantic-settings')
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let environment variables override the file, whose values are the arguments."""
        return env_settings, init_settings

    @model_validator(mode="after")
    def _check_references(self) -> "Settings":
        problems = [
            *duplicates("schools", [s.id for s in self.schools]),
            *duplicates("rooms", [r.id for r in self.rooms]),
            *duplicates("cameras", [c.id for c in self.cameras]),
            *dangling_references(
                "rooms", "school", [(r.id, r.school) for r in self.rooms], self._school_ids
            ),
            *dangling_references(
                "cameras", "room", [(c.id, c.room) for c in self.cameras], self._room_ids
            ),
            *dangling_references(
                "access.map",
                "schools",
                [(one.value, school) for one in self.access.map for school in one.schools],
                self._school_ids,
            ),
        ]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def _school_ids(self) -> set[str]:
        return {school.id for school in self.schools}

    @property
    def _room_ids(self) -> set[str]:
        return {room.id for room in self.rooms}

    @property
    def lake_dir(self) -> Path:
        """Folder of the Parquet files."""
        return self.data_dir / "lake"

    @property
    def records_dir(self) -> Path:
        """Folder of the records, where they are in SQLite."""
        return self.data_dir / "records"

    @property
    def warehouse_dir(self) -> Path:
        """Folder of the DuckDB files."""
        return self.data_dir / "warehouse"

    @cached_property
    def cameras_by_id(self) -> Mapping[str, Camera]:
        """Cameras by their ids."""
        return {camera.id: camera for camera in self.cameras}

    @cached_property
    def rooms_by_id(self) -> Mapping[str, Room]:
        """Rooms by their ids."""
        return {room.id: room for room in self.rooms}

    @cached_property
    def schools_by_id(self) -> Mapping[str, School]:
        """Schools by their ids."""
        return {school.id: school for school in self.schools}

    def input_size_of(self, camera: Camera) -> int:
        """Return a camera's input size in pixels: of `auto`, the largest that it may become.

        What is measured of the camera replaces `auto`, see `cluster.calibration.input_sizes`.
        """
        if camera.input_size == "auto":
            return self.analysis.max_input_size
        return camera.input_size

    def with_input_sizes(self, sizes: Mapping[str, int]) -> "Settings":
        """Return the settings with other input sizes, by the cameras' ids.

        Raises:
            KeyError: There is no such camera.
        """
        values = {name: getattr(self, name) for name in Settings.model_fields}
        known = self.cameras_by_id
        changed = {
            camera_id: known[camera_id].model_copy(update={"input_size": size})
            for camera_id, size in sizes.items()
        }
        values["cameras"] = [changed.get(camera.id, camera) for camera in self.cameras]
        return Settings.model_construct(**values)  # a copy would keep what is cached of the cameras


def analysis_digest(settings: Settings, camera: Camera) -> str:
    """Return a short digest of every setting that affects a camera's windows.

    Two runs with the same digest and the same weights give the same windows, so the second can
    be skipped. The input size is the number that is used, however it was chosen.
    """
    room = settings.rooms_by_id[camera.room]
    facts = {
        "rate": settings.analysis.rate,
        "confidence": settings.analysis.confidence,
        "k": settings.privacy.k,
        "camera": {
            **camera.model_dump(mode="json", exclude=LIVE_ONLY_KEYS),
            "input_size": settings.input_size_of(camera),
        },
        "room": room.model_dump(mode="json", exclude={"name"}),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]


def load_settings(path: Path | str | None = None) -> Settings:
    """Read the settings from a file and the environment.

    Args:
        path: The file; unset: `$HOMEROOM_SETTINGS`, else `homeroom.toml` in the working folder.
            Relative paths inside the file are relative to its folder.

    Raises:
        SettingsError: The file is missing or not TOML, a key is unknown, or a value is out of
            bounds; the message names each place.
    """
    file = settings_path(path)
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise SettingsError(
            "there is no such settings file.", where=str(file), hint="`homeroom init` writes one."
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"cannot be read as TOML: {error}.", where=str(file)) from error
    return parse_settings(values, file)


def settings_path(path: Path | str | None = None) -> Path:
    """Return the settings file that `load_settings` reads, as an absolute path."""
    return Path(path or os.environ.get(ENV_SETTINGS_FILE) or SETTINGS_FILE).absolute()


def parse_settings(values: dict[str, Any], file: Path) -> Settings:
    """Validate the values of a file, overridden by the environment.

    Args:
        values: As TOML gives them.
        file: The file; paths in it are relative to its folder.

    Raises:
        SettingsError: See `load_settings`.
    """
    _reject_unknown_variables()
    try:
        settings = Settings(**values)
    except ValidationError as error:
        raise SettingsError(describe_problems(error), where=_describe_sources(file)) from None
    except UnreadableVariable as error:
        raise SettingsError(f"{error}.", where="environment") from error
    return _with_absolute_paths(settings, file.parent)


def _with_absolute_paths(settings: Settings, folder: Path) -> Settings:
    def absolute(path: Path | None) -> Path | None:
        return None if path is None else (folder / path.expanduser()).absolute()

    weights = settings.weights
    if isinstance(weights.pose, Path):
        weights = weights.model_copy(update={"pose": absolute(weights.pose)})
    security, registers = settings.security, settings.registers
    return settings.model_copy(
        update={
            "data_dir": absolute(settings.data_dir),
            "cache_dir": absolute(settings.cache_dir),
            "timetable": absolute(settings.timetable),
            "closures": absolute(settings.closures),
            "bells": absolute(settings.bells),
            "weights": weights,
            "cameras": [
                camera.model_copy(
                    update={
                        "credentials_file": absolute(camera.credentials_file),
                        "address": _absolute_address(camera.address, folder),
                        "substream": _absolute_address(camera.substream, folder),
                    }
                )
                for camera in settings.cameras
            ],
            "live": settings.live.model_copy(
                update={
                    "tls_certificate": absolute(settings.live.tls_certificate),
                    "tls_key": absolute(settings.live.tls_key),
                }
            ),
            "security": security.model_copy(
                update={
                    "keys_dir": absolute(security.keys_dir),
                    "master_key_file": absolute(security.master_key_file),
                }
            ),
            "registers": registers.model_copy(
                update={
                    "policy": absolute(registers.policy),
                    "insightface_pack": absolute(registers.insightface_pack),
                }
            ),
        }
    )


def _absolute_address(address: SecretStr | None, folder: Path) -> SecretStr | None:
    """Make the path absolute if the address of a camera is a file."""
    if address is None or "://" in address.get_secret_value():
        return address
    return SecretStr(str((folder / Path(address.get_secret_value()).expanduser()).absolute()))


def _describe_sources(file: Path) -> str:
    """Name the file, and the variables that override it."""
    variables = variables_of_homeroom()
    return f"{file} (overridden by {', '.join(variables)})" if variables else str(file)


def _reject_unknown_variables() -> None:
    known: set[str] = set()
    for name, field in Settings.model_fields.items():
        known.add(f"{ENV_PREFIX}{name}".upper())
        if isinstance(field.annotation, type) and issubclass(field.annotation, SettingsTable):
            known |= {f"{ENV_PREFIX}{name}__{sub}".upper() for sub in field.annotation.model_fields}
    unknown = [name for name in variables_of_homeroom() if name.upper() not in known]
    if unknown:
        raise SettingsError(
            f"no such setting: {', '.join(unknown)}.",
            where="environment",
            hint="Names are HOMEROOM_<KEY> or HOMEROOM_<TABLE>__<KEY>.",
        )
