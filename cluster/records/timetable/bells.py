"""A bell schedule as CSV: when each class period begins and ends.

    period,start,end,weekday
    1,08:00,08:45,
    1,08:30,09:10,Friday

`weekday` may be missing: a row without one is for all days that have no row of their own.
"""

from datetime import time
from pathlib import Path
from typing import Annotated

from pydantic import StringConstraints, ValidationInfo, field_validator

from cluster.records.roster.csv_cells import NO_NUL, CellError, CsvModel, quoted
from cluster.records.roster.csv_files import BadRow, file_opener, read_rows
from cluster.records.timetable.cells import TimeOfDay, Weekday, check_end

MAX_PERIOD_LENGTH = 64
Period = Annotated[str, StringConstraints(max_length=MAX_PERIOD_LENGTH, pattern=NO_NUL)]


class BellRow(CsvModel):
    """A row of the file."""

    period: Period
    start: TimeOfDay
    end: TimeOfDay
    weekday: Weekday | None = None

    @field_validator("end")
    @classmethod
    def _check_end(cls, end: time, info: ValidationInfo) -> time:
        return check_end(info.data.get("start"), end)


class BellSchedule:
    """Start and end of each class period, by weekday.

    Args:
        where: The file, for messages; empty if there is none.
    """

    def __init__(self, where: str = "") -> None:
        self._where = where
        self._times: dict[tuple[str, int | None], tuple[time, time]] = {}

    def add(self, row: BellRow) -> None:
        """Add a row.

        Raises:
            CellError: The period has times for that day already.
        """
        key = (row.period.lower(), row.weekday)
        if key in self._times:
            raise CellError("period", f"{quoted(row.period)} has times for that day already")
        self._times[key] = (row.start, row.end)

    def times(self, period: str, weekday: int) -> tuple[time, time]:
        """Return the start and the end of a period on a weekday (0 is Monday).

        Raises:
            CellError: There is no schedule, or it has no such period.
        """
        if not self._where:
            raise CellError(
                "period",
                "is given without start and end, which a bell schedule has: --bells, or `bells` in "
                "the settings",
            )
        key = period.lower()
        found = self._times.get((key, weekday)) or self._times.get((key, None))
        if found is None:
            raise CellError(
                "period", f"{quoted(period)} has no times for that day in {self._where}"
            )
        return found


def read_bells(path: Path | None, bad_rows: list[BadRow]) -> BellSchedule:
    """Read a bell schedule; an empty one where there is no file.

    Raises:
        RosterError: The file cannot be read, or lacks a column.
    """
    if path is None:
        return BellSchedule()
    bells = BellSchedule(path.name)
    required = ("period", "start", "end")
    for row in read_rows(file_opener(path), str(path), path.name, required, bad_rows, ("weekday",)):
        try:
            bells.add(BellRow.parse(row))
        except CellError as bad:
            bad_rows.append(BadRow(path.name, row.line, bad.column, bad.reason))
    return bells
