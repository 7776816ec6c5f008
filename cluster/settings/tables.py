"""The tables of `homeroom.toml`: typed, bounded, described; a key that is not here is refused."""

from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Polygon = Annotated[list[tuple[Fraction, Fraction]], Field(min_length=3, max_length=64)]
"""Corners (x, y) as shares of the upright picture's width and height, from its top left."""

Identifier = Annotated[
    str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]*$")
]
"""A name that is safe in file names and in `key=value` folders."""


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"{name!r} is not an IANA time zone, like 'Europe/Oslo'")
    return name


class Table(BaseModel):
    """A table of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class District(Table):
    """The district, as the warehouse names it."""

    id: Identifier = Field("district", description="Short name of the district.")
    name: str = Field("My district", max_length=200, description="Its name for people.")


class School(Table):
    """A school of the district."""

    id: Identifier = Field(description="Short name; `school_id` in every table.")
    name: str = Field(max_length=200, description="Its name for people.")
    timezone: Annotated[str, AfterValidator(_known_zone)] = Field(
        description="IANA time zone, for local dates and hours."
    )

    @property
    def zone(self) -> ZoneInfo:
        """The zone as `zoneinfo` has it."""
        return ZoneInfo(self.timezone)


class Room(Table):
    """A room of a school."""

    id: Identifier = Field(description="Short name; `room_id` in every table.")
    school: Identifier = Field(description="The id of its school.")
    name: str = Field(max_length=200, description="Its name for people.")
    kind: Literal["classroom", "hall", "vehicle"] = Field(
        "classroom", description="A vehicle (a school bus) gives a headcount only."
    )


class Camera(Table):
    """A camera in a room, and how its pictures are looked at."""

    id: Identifier = Field(description="Short name; also the first part of footage file names.")
    room: Identifier = Field(description="The id of its room.")
    input_size: Literal[640, 960, 1280] = Field(
        640,
        description="Longer side, in pixels, at which pictures are analysed; 1280 finds people at "
        "the back of a large room and costs four times as much as 640.",
    )
    masks: list[Polygon] = Field(
        default_factory=list,
        max_length=32,
        description="Polygons that are blackened before anything looks; corners (x, y), 0 to 1.",
    )
    teacher_zone: Polygon | None = Field(
        None, description="People who stand in this polygon are not counted as students."
    )


class Analysis(Table):
    """How footage is analysed."""

    rate: float = Field(2.0, ge=1.0, le=10.0, description="Analysed pictures a second.")
    confidence: float = Field(0.25, ge=0.05, le=0.9, description="Least score of a person.")
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="`auto` takes CUDA where there is a GPU, else OpenVINO on the CPU."
    )
    threads: int | None = Field(
        None,
        ge=1,
        le=64,
        description="CPU threads of one pose model; all cores, up to 8, unless set.",
    )
    batch_size: Literal[1, 2, 4, 8, 16, 32, 64] = Field(
        16, description="Pictures in one call of the pose model on a GPU."
    )


class Privacy(Table):
    """The rule against small groups."""

    k: int = Field(
        10,
        ge=5,
        le=1000,
        description="A window with fewer people gives a headcount and nothing else.",
    )


class Weights(Table):
    """Where the pose model's weights come from."""

    pose: Path | None = Field(
        None,
        description="A YOLO11-pose `.pt` file; unset: the installed package, else the download.",
    )
    pose_sha256: str | None = Field(
        None,
        pattern=r"^[0-9a-f]{64}$",
        description="Its SHA-256; needed with a file other than the official yolo11n-pose.pt.",
    )


class Records(Table):
    """The transactional database: roster, consents, registers, audit."""

    url: SecretStr | None = Field(
        None,
        description="PostgreSQL, like postgresql+psycopg://user:password@host/homeroom; unset: "
        "SQLite below data_dir. Better set in the environment.",
    )


class Security(Table):
    """Keys. They live apart from the records, so that a backup of these opens nothing."""

    keys_dir: Path = Field(
        Path("homeroom-keys"),
        description="Folder of the wrapped keys; never in the same backup as data_dir.",
    )
    master_key: SecretStr | None = Field(
        None, description="The master key, 32 bytes in base64; for the environment alone."
    )
    master_key_file: Path | None = Field(
        None, description="A file that holds it; unset: master.key in keys_dir, made at first use."
    )
    kms_command: list[str] = Field(
        default_factory=list,
        max_length=64,
        description="A program that wraps keys instead: called with `wrap` or `unwrap` and the "
        "key's name, it reads and writes base64.",
    )


class Registers(Table):
    """How registers are taken."""

    minutes: int = Field(10, ge=1, le=20, description="How long a register is open.")
    grace_minutes: int = Field(
        5, ge=0, le=60, description="Who comes up to so many minutes after the start is not late."
    )
    open_with_lesson: bool = Field(
        False, description="Open a register when its lesson starts, where one is watched."
    )
    policy: Path | None = Field(
        None, description="The face policy (TOML). Unset or not valid: no face roll call."
    )
    engine: Literal["dlib", "insightface"] = Field("dlib", description="Compares faces.")
    insightface_pack: Path | None = Field(
        None, description="Folder of an InsightFace pack; its weights are for research only."
    )
    badge_days: int = Field(200, ge=1, le=400, description="How long a printed badge is good.")
    erased_entries: Literal["delete", "keep"] = Field(
        "delete",
        description="What `homeroom erase` does with a student's entries: `keep` leaves them "
        "under an id that nothing ties to anybody.",
    )
