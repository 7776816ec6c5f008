"""Tables and columns, each with its type and the comment that analysts read.

The Arrow schemas of the lake, the comments of the warehouse and docs/warehouse.md come from here.
"""

from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Column:
    """A column, and its comment."""

    name: str
    type: pa.DataType
    comment: str


@dataclass(frozen=True, slots=True)
class TableSpec:
    """A table or view; its comment says what a row is."""

    name: str
    comment: str
    columns: tuple[Column, ...]

    def arrow(self, *, without: tuple[str, ...] = ()) -> pa.Schema:
        """Return its Arrow schema."""
        return pa.schema([(c.name, c.type) for c in self.columns if c.name not in without])


_UTC = pa.timestamp("us", tz="UTC")
_SHARE = "From 0.05, which means 5% or less, to 0.95, which means 95% or more. Null if suppressed."

_DESK_WORK = f"{_SHARE} The sum of both where they are published, and in older parts."
_BOUNDS = "95% interval. Null in older parts, and for models without a score or counts by eye."

PARTITION_COLUMNS = ("school_id", "date")
"""In the names of folders, not in the files."""

ACTIVITY_WINDOWS = TableSpec(
    "activity_windows",
    "Ten seconds of a room, as seen by one camera. Never a person.",
    (
        Column("school_id", pa.string(), "The school; `schools.school_id`."),
        Column("date", pa.date32(), "Local date at the school."),
        Column("room_id", pa.string(), "The room; `rooms.room_id`."),
        Column("camera_id", pa.string(), "The camera that saw it."),
        Column("lesson_id", pa.string(), "The lesson that was on, if there was one."),
        Column("window_start", _UTC, "Start of the window, UTC, on a multiple of ten seconds."),
        Column("window_seconds", pa.int16(), "Length of the window."),
        Column("frames", pa.int32(), "Frames that the counts are based on."),
        Column("people_max", pa.int32(), "Most people in one frame, without the teacher's zone."),
        Column("people_mean", pa.float64(), "Mean number of people in a frame."),
        Column("people_low", pa.int32(), f"Fewest people where that mean is found. {_BOUNDS}"),
        Column("people_high", pa.int32(), f"Most people where that mean is found. {_BOUNDS}"),
        Column("hand_raised_share", pa.float64(), f"Share of people with a raised hand. {_SHARE}"),
        Column("desk_work_share", pa.float64(), f"Share reading or writing. {_DESK_WORK}"),
        Column("reading_share", pa.float64(), f"Share reading, if told apart. {_SHARE}"),
        Column("writing_share", pa.float64(), f"Share writing, if told apart. {_SHARE}"),
        Column("head_down_share", pa.float64(), f"Share with the head on the desk. {_SHARE}"),
        Column("standing_share", pa.float64(), f"Share standing. {_SHARE}"),
        Column("unclear_share", pa.float64(), f"Share whose activity is not visible. {_SHARE}"),
        Column(
            "hand_raises",
            pa.int32(),
            "Hands that went up, counted once each, at most 95% of the people. Null if suppressed.",
        ),
        Column(
            "suppressed",
            pa.bool_(),
            "True where fewer than k people were seen, or the room gives a headcount only.",
        ),
        Column("source", pa.string(), "`archive` or `live`."),
        Column("run_id", pa.string(), "The run that made it; `runs.run_id`."),
        Column("model", pa.string(), "The pose model; `models.model`."),
    ),
)

RUNS = TableSpec(
    "runs",
    "A run of the archive job, or a day (UTC) of the live service, `live-YYYYMMDD`.",
    (
        Column("run_id", pa.string(), "Its name."),
        Column("started_at", _UTC, "When it started, UTC; live: its first window of the day."),
        Column(
            "ended_at",
            _UTC,
            "When it ended, UTC; null while it runs or if it was killed. Live: the end of its last "
            "window of the day so far.",
        ),
        Column(
            "state",
            pa.string(),
            "`running`, `completed`, `failed`, or `stopped`. Live: always `completed`.",
        ),
        Column("segments_done", pa.int64(), "Minutes of a camera that it analysed."),
        Column(
            "segments_skipped",
            pa.int64(),
            "Minutes that an earlier run had analysed; live: that an archive run had analysed.",
        ),
        Column("files_failed", pa.int64(), "Files that could not be used, wholly or in part."),
        Column(
            "footage_seconds",
            pa.float64(),
            "Footage analysed, in seconds; live: length of its windows.",
        ),
        Column("wall_seconds", pa.float64(), "From start to end, in seconds."),
        Column("model", pa.string(), "The pose model, the newest of a day; `models.model`."),
        Column("k", pa.int32(), "Smallest group with more than a headcount published."),
        Column("homeroom_version", pa.string(), "Version of the program."),
    ),
)

MODELS = TableSpec(
    "models",
    "A model whose counts are in the tables.",
    (
        Column("model", pa.string(), "Its name and the start of its checksum."),
        Column("sha256", pa.string(), "SHA-256 of the weights file."),
        Column("origin", pa.string(), "Where the weights file came from."),
        Column("licence", pa.string(), "Licence of the weights."),
        Column("first_used_at", _UTC, "First run with it, UTC."),
    ),
)

SCHOOLS = TableSpec(
    "schools",
    "Schools of the district.",
    (
        Column("school_id", pa.string(), "Short name."),
        Column("name", pa.string(), "Name for people."),
        Column("timezone", pa.string(), "IANA time zone."),
    ),
)

ROOMS = TableSpec(
    "rooms",
    "Rooms of the schools.",
    (
        Column("room_id", pa.string(), "Short name."),
        Column("school_id", pa.string(), "The school; `schools.school_id`."),
        Column("name", pa.string(), "Name for people."),
        Column("kind", pa.string(), "`classroom`, `hall` or `vehicle` (headcount only)."),
    ),
)

LESSONS = TableSpec(
    "lessons",
    "Lessons of the records.",
    (
        Column("lesson_id", pa.string(), "Its name."),
        Column("room_id", pa.string(), "The room; `rooms.room_id`."),
        Column("class_id", pa.string(), "The class: its sourcedId."),
        Column("starts_at", _UTC, "Start, UTC."),
        Column("ends_at", _UTC, "End, UTC."),
    ),
)

_MEAN = "Mean over the lesson's windows that were not suppressed, weighted by people."

_MEAN_OF_PART = "Mean over those of these windows that have it, weighted by people."

LESSON_ACTIVITY = TableSpec(
    "lesson_activity",
    "One row per lesson: totals of its windows. Suppressed windows add headcounts only.",
    (
        Column("lesson_id", pa.string(), "The lesson; `lessons.lesson_id`."),
        Column("room_id", pa.string(), "The room."),
        Column("class_id", pa.string(), "The class: its sourcedId."),
        Column("starts_at", _UTC, "Start by the timetable, UTC."),
        Column("ends_at", _UTC, "End by the timetable, UTC."),
        Column("windows", pa.int64(), "Number of windows."),
        Column("windows_suppressed", pa.int64(), "Of these, suppressed ones: headcount only."),
        Column("people_max", pa.int32(), "Most people in one frame."),
        Column("people_mean", pa.float64(), "Mean number of people."),
        Column("hand_raises", pa.int64(), "Hands that went up, in windows not suppressed."),
        Column("hand_raised_share", pa.float64(), _MEAN),
        Column("desk_work_share", pa.float64(), _MEAN),
        Column("reading_share", pa.float64(), _MEAN_OF_PART),
        Column("writing_share", pa.float64(), _MEAN_OF_PART),
        Column("head_down_share", pa.float64(), _MEAN),
        Column("standing_share", pa.float64(), _MEAN),
        Column("unclear_share", pa.float64(), _MEAN),
    ),
)

CHECKIN_COUNTS = TableSpec(
    "checkin_counts",
    "Answers of a lesson's check-in, one row per lesson and feeling. Never from video.",
    (
        Column("lesson_id", pa.string(), "The lesson."),
        Column("class_id", pa.string(), "The class, as the roster names it."),
        Column("room_id", pa.string(), "The room; `rooms.room_id`."),
        Column("school_id", pa.string(), "The school; `schools.school_id`."),
        Column("date", pa.date32(), "Local date at the school."),
        Column(
            "feeling",
            pa.string(),
            "`surprised`, `sad`, `angry`, `happy`, `put_off`, `afraid` or `neutral`.",
        ),
        Column("answers", pa.int32(), "Number of answers, all feelings together."),
        Column(
            "answers_told",
            pa.int32(),
            "Answers that the published counts cover: a multiple of k. Null with fewer than k.",
        ),
        Column(
            "share_text",
            pa.string(),
            "For people: `≤5%`, `12 (60%)`, `≥95%` or `withheld`. Null if not published.",
        ),
        Column(
            "share",
            pa.float64(),
            "From 0.05, meaning 5% or less, to 0.95, meaning 95% or more. Null if withheld.",
        ),
        Column(
            "count",
            pa.int32(),
            "Answers with this feeling. Null if the share is coded or withheld.",
        ),
    ),
)

TABLES = (
    SCHOOLS,
    ROOMS,
    LESSONS,
    ACTIVITY_WINDOWS,
    LESSON_ACTIVITY,
    CHECKIN_COUNTS,
    RUNS,
    MODELS,
)
