"""The SQLite file of the journal: locked by one process, synced at every commit.

    lock file -> open -> valid? -> yes: use it
                             └─> no: rename it to `…-damaged-…`, and create a new one

SQLite in WAL mode with `synchronous=FULL`: a committed transaction survives SIGKILL and a power
cut, and one that was not committed leaves nothing. A damaged file must not stop the service from
starting; it is kept, so that its windows can be rescued.
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
_SUFFIXES = ("-wal", "-shm", "")
"""Suffixes of SQLite's files; the log first, because the database is incomplete without it."""

_REASONS = {
    sqlite3.SQLITE_FULL: ("the disk is full", "Make room; it continues by itself."),
    sqlite3.SQLITE_READONLY: ("it may not be written", "Check the disk and its permissions."),
    sqlite3.SQLITE_CANTOPEN: ("it cannot be opened", "Check the folder and its permissions."),
    sqlite3.SQLITE_PERM: ("it may not be opened", "Check its permissions."),
    sqlite3.SQLITE_BUSY: ("another program has it open", "Close that program."),
    sqlite3.SQLITE_IOERR: ("the disk fails, or is full", "Make room, or check the disk."),
}


class _InvalidJournal(Exception):
    """The file is damaged, or not a journal."""


class JournalFile:
    """An SQLite database that one process locks and its threads share.

    Args:
        path: The file, created with its folder if it does not exist.
        schema: Statements that create the tables.
        version: Of the schema; a file of another version is moved aside.
        clock: Returns the time for the name of a file that is moved aside.
        wait_seconds: How long to wait for a process that has locked it.

    Attributes:
        moved_aside: Paths of damaged files that were moved aside since it was opened.

    Raises:
        JournalError: Another process has locked it, or it cannot be opened or written.
    """

    def __init__(
        self, path: Path, schema: str, version: int, *, clock: Clock, wait_seconds: float = 0.0
    ) -> None:
        self.path = path
        self.moved_aside: list[Path] = []
        self._schema = schema
        self._version = version
        self._clock = clock
        self._mutex = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._lock = self._acquire_lock(wait_seconds)
        try:
            self._connection = self._open()
        except BaseException:
            self._lock.release()
            raise

    def close(self) -> None:
        """Close and unlock the file."""
        with self._mutex:
            self._drop_connection()
            self._lock.release()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Run a transaction, which no other thread interleaves.

        Raises:
            JournalError: SQLite failed; nothing was changed, and the next one may succeed.
        """
        with self._mutex:
            if not self._lock.is_locked:
                raise JournalError("the journal has been closed.", where=str(self.path))
            try:
                connection = self._connection = self._connection or self._open()
                connection.execute("BEGIN")
                try:
                    yield connection
                    connection.execute("COMMIT")
                except BaseException:
                    with suppress(sqlite3.Error):  # SQLite may have rolled back already
                        connection.execute("ROLLBACK")
                    raise
            except sqlite3.Error as error:
                if _code(error) != sqlite3.SQLITE_FULL:
                    self._drop_connection()  # the next transaction opens and checks the file again
                raise self._journal_error(error) from error

    def _acquire_lock(self, wait_seconds: float) -> FileLock:
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
                "another process has locked the journal of live windows.",
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

    def _open(self) -> sqlite3.Connection:
        """Open the file if it is valid, else replace it by a new one."""
        try:
            return self._connect()
        except _InvalidJournal as problem:
            self._move_aside(str(problem))
        except sqlite3.Error as error:
            raise self._journal_error(error) from error
        try:
            return self._connect()
        except (_InvalidJournal, sqlite3.Error) as error:
            raise self._journal_error(error) from error

    def _connect(self) -> sqlite3.Connection:
        log = self.path.with_name(f"{self.path.name}-wal")
        if _size(self.path) == 0 and _size(log):
            raise _InvalidJournal("it is empty, and its log is not")  # SQLite would delete the log
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        try:
            # One damaged byte in a text must not make the other rows unreadable.
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
        except (_InvalidJournal, sqlite3.Error) as error:
            connection.close()
            if _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                raise _InvalidJournal(f"{error}") from error
            raise
        return connection

    def _is_new(self, connection: sqlite3.Connection) -> bool:
        """Whether the file has never had tables."""
        [(pages,)] = connection.execute("PRAGMA page_count").fetchall()
        return pages <= 1 and not _tables(connection)

    def _check(self, connection: sqlite3.Connection) -> None:
        """Check that the file is not damaged and has the expected schema.

        Raises:
            _InvalidJournal: It is damaged, or has another schema.
        """
        [(version,)] = connection.execute("PRAGMA user_version").fetchall()
        if version != self._version:
            raise _InvalidJournal(f"its schema is of version {version}, not {self._version}")
        with closing(sqlite3.connect(":memory:")) as model:
            model.executescript(self._schema)
            expected = _tables(model)
        if _tables(connection) != expected:
            raise _InvalidJournal("its tables are not those of a journal")
        [first, *_] = connection.execute("PRAGMA quick_check(1)").fetchall()
        if first != ("ok",):
            raise _InvalidJournal(f"{first[0]}")

    def _move_aside(self, problem: str) -> None:
        stem = f"{self.path.stem}-damaged-{self._clock():%Y%m%dT%H%M%SZ}"
        aside, number = self.path.with_name(stem + self.path.suffix), 1
        while aside.exists():
            number += 1
            aside = self.path.with_name(f"{stem}-{number}{self.path.suffix}")
        try:
            for suffix in _SUFFIXES:
                part = self.path.with_name(f"{self.path.name}{suffix}")
                if part.exists():
                    part.rename(aside.with_name(f"{aside.name}{suffix}"))
        except OSError as error:
            raise self._journal_error(error) from error
        self.moved_aside.append(aside)
        _log.warning(
            "The journal of live windows %s cannot be used: %s. It is kept as %s, with the windows "
            "that were not in the lake yet, and a new one is created.",
            self.path,
            problem,
            aside.name,
        )

    def _drop_connection(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):  # a full disk: the log has what was committed
                self._connection.close()
            self._connection = None

    def _journal_error(self, error: Exception) -> JournalError:
        reason, hint = _REASONS.get(_code(error), (f"{error}", "It is opened again the next time."))
        return JournalError(
            f"the journal of live windows cannot be used: {reason}. What was acknowledged is safe.",
            where=str(self.path),
            hint=hint,
        )


def _code(error: Exception) -> int:
    """Return SQLite's primary result code; -1 if the error is not SQLite's."""
    code = getattr(error, "sqlite_errorcode", None)
    return -1 if code is None else int(code) & 0xFF


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _tables(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    return connection.execute("SELECT name, sql FROM sqlite_schema ORDER BY name").fetchall()
