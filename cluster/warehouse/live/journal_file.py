"""The file under the journal: held by one process, synced at every commit, never in the way.

    lock file -> open -> sound? -> yes: use it
                             └─> no: moved aside under a name that says so, and a new one is begun

SQLite in WAL mode with `synchronous=FULL`: a transaction that was committed survives SIGKILL and
a power cut, and one that was not leaves nothing. A damaged file must not keep the service from
coming up; it is kept, for whoever wants to rescue what was in it.
"""

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from cluster.clock import Clock
from cluster.errors import JournalError
from cluster.runtime.files import sync_folder

_log = logging.getLogger(__name__)
_BESIDE = ("-wal", "-shm", "")
"""SQLite's files by the end of their names; the log before the file, which cannot do without."""

_REASONS = {
    sqlite3.SQLITE_FULL: ("the disk is full", "Make room; it goes on by itself."),
    sqlite3.SQLITE_READONLY: ("it may not be written", "Check the disk and its permissions."),
    sqlite3.SQLITE_CANTOPEN: ("it cannot be opened", "Check the folder and its permissions."),
    sqlite3.SQLITE_PERM: ("it may not be opened", "Check its permissions."),
    sqlite3.SQLITE_BUSY: ("another program has it open", "Close that program."),
    sqlite3.SQLITE_IOERR: ("the disk fails, or is full", "Make room, or check the disk."),
}


class _Unsound(Exception):
    """The file is no journal of ours, or no longer one."""


class JournalFile:
    """An SQLite database that one process holds; threads take turns.

    Args:
        path: The file; made with its folder when it is not there.
        schema: Statements that make the tables.
        version: Of the schema; a file of another version is moved aside.
        clock: Gives the time in the name of a file that is moved aside.
        wait_seconds: How long to wait for a process that holds it.

    Attributes:
        moved_aside: Where damaged files went since it was opened.

    Raises:
        JournalError: Another process holds it, or it cannot be opened or written.
    """

    def __init__(
        self, path: Path, schema: str, version: int, *, clock: Clock, wait_seconds: float = 0.0
    ) -> None:
        self.path = path
        self.moved_aside: list[Path] = []
        self._schema = schema
        self._version = version
        self._clock = clock
        self._turn = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._lock = self._locked(wait_seconds)
        try:
            self._connection = self._opened()
        except BaseException:
            self._lock.release()
            raise

    def close(self) -> None:
        """Let go of the file; what was committed is in it."""
        with self._turn:
            self._drop_connection()
            self._lock.release()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Have the file alone; all that is done in it stays, or nothing.

        Raises:
            JournalError: SQLite refuses; nothing was changed, and the next one may succeed.
        """
        with self._turn:
            if not self._lock.is_locked:
                raise JournalError("the journal has been closed.", where=str(self.path))
            try:
                connection = self._connection = self._connection or self._opened()
                connection.execute("BEGIN")
                try:
                    yield connection
                    connection.execute("COMMIT")
                except BaseException:
                    with suppress(sqlite3.Error):  # SQLite may have done it already
                        connection.execute("ROLLBACK")
                    raise
            except sqlite3.Error as error:
                if _code(error) != sqlite3.SQLITE_FULL:
                    self._drop_connection()  # the next one looks at the file anew
                raise self._refused(error) from error

    def _locked(self, wait_seconds: float) -> FileLock:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Whichever thread closes the journal must be able to release it.
            lock = FileLock(
                self.path.with_name(f"{self.path.name}.lock"),
                timeout=max(0.0, wait_seconds),
                thread_local=False,
            )
            lock.acquire()
        except Timeout:
            raise JournalError(
                "another process holds the journal of live windows.",
                where=str(self.path),
                hint="One live service runs on a data_dir; stop the other one.",
            ) from None
        except OSError as error:
            raise JournalError(
                f"the journal of live windows cannot be opened: {error.strerror}.",
                where=str(self.path),
                hint="Set `data_dir` to a folder that can be written.",
            ) from error
        return lock

    def _opened(self) -> sqlite3.Connection:
        """Open the file if it is sound, else a new one in its place."""
        try:
            return self._connected()
        except _Unsound as problem:
            self._move_aside(str(problem))
        except sqlite3.Error as error:
            raise self._refused(error) from error
        try:
            return self._connected()
        except (_Unsound, sqlite3.Error) as error:
            raise self._refused(error) from error

    def _connected(self) -> sqlite3.Connection:
        log = self.path.with_name(f"{self.path.name}-wal")
        if _size(self.path) == 0 and _size(log):
            raise _Unsound("it is empty, and its log is not")  # SQLite would delete the log
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        try:
            # A byte that is damaged in a text must not keep the rest from being read.
            connection.text_factory = lambda text: text.decode(errors="replace")
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            is_new = self._is_new(connection)
            if not is_new:
                self._check(connection)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA journal_size_limit = 4194304")
            if is_new:
                version = f"PRAGMA user_version = {self._version}"
                connection.executescript(f"BEGIN; {self._schema} {version}; COMMIT")
                sync_folder(self.path.parent)
        except (_Unsound, sqlite3.Error) as error:
            connection.close()
            if _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                raise _Unsound(f"{error}") from error
            raise
        return connection

    def _is_new(self, connection: sqlite3.Connection) -> bool:
        """Whether nothing was ever kept in the file."""
        [(pages,)] = connection.execute("PRAGMA page_count").fetchall()
        return pages <= 1 and not _tables(connection)

    def _check(self, connection: sqlite3.Connection) -> None:
        """See that the file is whole and of our schema."""
        [(version,)] = connection.execute("PRAGMA user_version").fetchall()
        if version != self._version:
            raise _Unsound(f"its schema is of version {version}, not {self._version}")
        with closing(sqlite3.connect(":memory:")) as model:
            model.executescript(self._schema)
            expected = _tables(model)
        if _tables(connection) != expected:
            raise _Unsound("its tables are not those of a journal")
        [first, *_] = connection.execute("PRAGMA quick_check(1)").fetchall()
        if first != ("ok",):
            raise _Unsound(f"{first[0]}")

    def _move_aside(self, problem: str) -> None:
        stem = f"{self.path.stem}-damaged-{self._clock():%Y%m%dT%H%M%SZ}"
        aside, number = self.path.with_name(stem + self.path.suffix), 1
        while aside.exists():
            number += 1
            aside = self.path.with_name(f"{stem}-{number}{self.path.suffix}")
        try:
            for end in _BESIDE:
                part = self.path.with_name(f"{self.path.name}{end}")
                if part.exists():
                    part.rename(aside.with_name(f"{aside.name}{end}"))
        except OSError as error:
            raise self._refused(error) from error
        self.moved_aside.append(aside)
        _log.warning(
            "The journal of live windows %s cannot be used: %s. It is kept as %s, with the windows "
            "that were not in the lake yet, and a new one is begun.",
            self.path,
            problem,
            aside.name,
        )

    def _drop_connection(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):  # a full disk: the log keeps what was committed
                self._connection.close()
            self._connection = None

    def _refused(self, error: Exception) -> JournalError:
        reason, hint = _REASONS.get(
            _code(error), (f"{error}", "It is looked at anew the next time.")
        )
        return JournalError(
            f"the journal of live windows cannot be used: {reason}. What was acknowledged is safe.",
            where=str(self.path),
            hint=hint,
        )


def _code(error: Exception) -> int:
    """SQLite's primary result code; -1 where the error is not SQLite's."""
    code = getattr(error, "sqlite_errorcode", None)
    return -1 if code is None else int(code) & 0xFF


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _tables(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    return connection.execute("SELECT name, sql FROM sqlite_schema ORDER BY name").fetchall()
