"""The tables of `homeroom.toml`: typed, bounded, described. Unknown keys are rejected."""

from pathlib import Path
from typing import Annotated, Final, Literal, get_args
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Polygon = Annotated[tuple[tuple[Fraction, Fraction], ...], Field(min_length=3, max_length=64)]
"""Corners (x, y) as fractions of the upright frame's width and height, from its top left."""

Identifier = Annotated[
    str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]*$")
]
"""A name that is safe in file names and in `key=value` folders."""


MIN_K: Final = 5
"""The smallest group of which anything but its size may ever be published (R3)."""


FixedInputSize = Literal[640, 960, 1280]
INPUT_SIZES: Final[tuple[int, ...]] = get_args(FixedInputSize)
"""Longer sides, in pixels, of the pose model's input."""

Quality = Literal["fast", "balanced", "full"]


def _check_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"{name!r} is not an IANA time zone, like 'Europe/Oslo'")
    return name


class SettingsTable(BaseModel):
    """Base of the file's tables."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class District(SettingsTable):
    """The district, as the warehouse names it."""

    id: Identifier = Field("district", description="Short name of the district.")
    name: str = Field("My district", max_length=200, description="Its name for people.")


class School(SettingsTable):
    """A school of the district."""

    id: Identifier = Field(description="Short name; `school_id` in every table.")
    name: str = Field(max_length=200, description="Its name for people.")
    timezone: Annotated[str, AfterValidator(_check_zone)] = Field(
        description="IANA time zone, for local dates and hours."
    )

    @property
    def zone(self) -> ZoneInfo:
        """The zone as `zoneinfo` has it."""
        return ZoneInfo(self.timezone)


class Room(SettingsTable):
    """A room of a school."""

    id: Identifier = Field(description="Short name; `room_id` in every table.")
    school: Identifier = Field(description="The id of its school.")
    name: str = Field(max_length=200, description="Its name for people.")
    kind: Literal["classroom", "hall", "vehicle"] = Field(
        "classroom", description="A vehicle (a school bus) gives a headcount only."
    )


class Camera(SettingsTable):
    """A camera in a room, and how its frames are analysed."""

    id: Identifier = Field(description="Short name; also the first part of footage file names.")
    room: Identifier = Field(description="The id of its room.")
    input_size: Literal["auto", 640, 960, 1280] = Field(
        "auto",
        description="Longer side, in pixels, at which frames are analysed; 1280 finds people at "
        "the back of a large room and costs four times as much as 640. `auto` measures how small "
        "people are, and takes the cheapest size that finds them; see analysis.quality.",
    )
    masks: tuple[Polygon, ...] = Field(
        (),
        max_length=32,
        description="Polygons that are blackened before analysis; corners (x, y), 0 to 1.",
    )
    teacher_zone: Polygon | None = Field(
        None, description="People whose feet are in this polygon are not counted as students."
    )
    address: SecretStr | None = Field(
        None,
        description="Its live stream: rtsp://…, http://…, /dev/video0, or a file, which is played "
        "in a loop at its own frame rate. Unset: the camera is not read live.",
    )
    substream: SecretStr | None = Field(
        None,
        description="Address of its low-resolution stream: people are counted in it, and `address` "
        "is read only while a register may compare faces.",
    )
    credentials_file: Path | None = Field(
        None, description="A file with one line, user:password, for both addresses."
    )
    decode: Literal["all", "key_frames"] = Field(
        "all",
        description="`key_frames` costs little CPU, and analyses only the camera's key frames.",
    )


class AnalysisSettings(SettingsTable):
    """How footage is analysed."""

    rate: float = Field(2.0, ge=1.0, le=10.0, description="Analysed frames a second.")
    quality: Quality = Field(
        "balanced",
        description="The largest `input_size` that `auto` takes: 640 for `fast`, 960 for "
        "`balanced`, 1280 for `full`.",
    )
    confidence: float | None = Field(
        None,
        ge=0.05,
        le=0.9,
        description="Lowest confidence of a detected person; unset: what suits the weights.",
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="`auto` uses CUDA where there is a GPU, else OpenVINO on the CPU."
    )
    threads: int | None = Field(
        None,
        ge=1,
        le=64,
        description="CPU threads of one pose model; all cores, up to 8, unless set.",
    )
    batch_size: Literal[1, 2, 4, 8, 16, 32, 64] = Field(
        16, description="Frames in one call of the pose model on a GPU."
    )

    @property
    def max_input_size(self) -> int:
        """The largest input size of cameras whose size is `auto`, in pixels."""
        return {"fast": 640, "balanced": 960, "full": 1280}[self.quality]


class PrivacySettings(SettingsTable):
    """Suppression of small groups (R3)."""

    k: int = Field(
        10,
        ge=MIN_K,
        le=1000,
        description="A window with fewer people gives a headcount and nothing else.",
    )


class WeightsSettings(SettingsTable):
    """Where the pose model's weights come from."""

    pose: Literal["classroom", "official"] | Path = Field(
        "classroom",
        description="`classroom` is trained for full classrooms, and comes with Homeroom; "
        "`official` is Ultralytics' yolo11n-pose; else the path of a YOLO11-pose `.pt` file.",
    )
    pose_sha256: str | None = Field(
        None,
        pattern=r"^[0-9a-f]{64}$",
        description="The SHA-256 of that file; required for one of your own.",
    )


class RecordsSettings(SettingsTable):
    """The transactional database: roster, consents, registers, audit."""

    url: SecretStr | None = Field(
        None,
        description="PostgreSQL, like postgresql+psycopg://user:password@host/homeroom; unset: "
        "SQLite below data_dir. Better set in the environment.",
    )


class LiveSettings(SettingsTable):
    """The live service."""

    host: str = Field(
        "127.0.0.1",
        description="Address that it listens on; one that other machines reach needs TLS or "
        "behind_proxy.",
    )
    port: int = Field(8000, ge=1, le=65535, description="Port that it listens on.")
    tls_certificate: Path | None = Field(None, description="PEM file of its TLS certificate.")
    tls_key: Path | None = Field(None, description="PEM file of the certificate's key.")
    behind_proxy: bool = Field(
        False, description="All requests come through a reverse proxy that terminates TLS."
    )
    public_url: str | None = Field(
        None, description="URL that browsers use, like https://homeroom.example.org."
    )
    cameras_per_reader: int = Field(
        8, ge=1, le=64, description="Cameras that one reader process hosts."
    )
    late_seconds: float = Field(
        1.0,
        ge=0.2,
        le=10.0,
        description="A frame that waited longer is dropped and counted as late.",
    )
    open_seconds: float = Field(10.0, ge=1.0, le=120.0, description="Timeout of opening a camera.")
    stall_seconds: float = Field(
        10.0, ge=1.0, le=120.0, description="A camera is reconnected after so long without a frame."
    )
    frozen_seconds: float = Field(
        60.0, ge=5.0, le=3600.0, description="A frame that does not change for so long is reported."
    )
    longest_pause_seconds: float = Field(
        60.0, ge=1.0, le=600.0, description="Longest delay between two attempts to reconnect."
    )
    pose_replicas: int = Field(
        1,
        ge=1,
        le=256,
        description="Maximum number of replicas of the pose model; Serve adds them as queues grow.",
    )
    history_minutes: int = Field(
        60, ge=5, le=1440, description="Minutes of finished windows kept in memory for pages."
    )

    @property
    def address(self) -> str:
        """The service's URL, as people and programs of this machine reach it."""
        if self.public_url:
            return self.public_url
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls_certificate else 'http'}://{host}:{self.port}"


class ArchiveSettings(SettingsTable):
    """Archive jobs that are submitted over HTTP."""

    footage_roots: list[str] = Field(
        default_factory=list,
        max_length=64,
        description="Folders or fsspec addresses below which footage may be named; none: no jobs.",
    )
    dashboard: str = Field(
        "http://127.0.0.1:8265", description="Ray's dashboard, which takes jobs."
    )


class SecuritySettings(SettingsTable):
    """Encryption keys, stored apart from the records: a backup of these cannot be decrypted."""

    keys_dir: Path = Field(
        Path("homeroom-keys"),
        description="Folder of the wrapped keys; never in the same backup as data_dir.",
    )
    master_key: SecretStr | None = Field(
        None, description="The master key, 32 bytes in base64; set it in the environment."
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


class RegisterSettings(SettingsTable):
    """How registers are taken."""

    minutes: int = Field(10, ge=1, le=20, description="How long a register is open.")
    grace_minutes: int = Field(
        5,
        ge=0,
        le=60,
        description="Students who arrive within so many minutes of the start are not late.",
    )
    open_with_lesson: bool = Field(
        False, description="Open a register by itself when its lesson starts."
    )
    policy: Path | None = Field(
        None, description="The face policy (TOML). Unset or not valid: no face roll call."
    )
    engine: Literal["dlib", "insightface"] = Field(
        "dlib", description="Library that compares faces."
    )
    insightface_pack: Path | None = Field(
        None, description="Folder of an InsightFace pack; its weights are for research only."
    )
    badge_days: int = Field(200, ge=1, le=400, description="How long a printed badge is valid.")
    erased_entries: Literal["delete", "keep"] = Field(
        "delete",
        description="What `homeroom erase` does with a student's entries: `keep` leaves them "
        "under an id that cannot be linked to anybody.",
    )


class CheckinSettings(SettingsTable):
    """Check-ins: students' own answers."""

    enabled: bool = Field(True, description="Teachers may start them.")
    off_in_classes: list[str] = Field(
        default_factory=list,
        max_length=10_000,
        description="Classes (sourcedId) without check-ins.",
    )
    agreement_classes: list[str] = Field(
        default_factory=list,
        max_length=10_000,
        description='Classes whose students need a guardian\'s agreement; "*" for all.',
    )

    def disabled_in(self, class_id: str) -> bool:
        """Whether the school has switched them off for a class."""
        return not self.enabled or class_id in self.off_in_classes

    def agreement_required_in(self, class_id: str) -> bool:
        """Whether students of a class need a guardian's agreement to take part."""
        return "*" in self.agreement_classes or class_id in self.agreement_classes
