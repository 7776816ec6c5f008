"""The one place that opens the records: SQLite unless a PostgreSQL URL is set.

    with records.reading() as session: …     a view of what is committed
    with records.writing() as session: …     committed at the end, or not at all

There is one writer at a time: SQLite's queue up at `BEGIN IMMEDIATE`, PostgreSQL's at an advisory
lock. What a writer has read is so until it commits; consent must not end between the question and
the answer's use. Writes take milliseconds, but for imports.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from filelock import FileLock
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    OperationalError,
)
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from cluster.errors import RecordsBusy, RecordsError, RecordsOutdated, RegisterChanged
from cluster.settings import Settings

BUSY_TIMEOUT_SECONDS = 30
CONNECTIONS = 10
"""That a process keeps; a few more are opened, and closed, when all of them are in use."""

SQLITE_FILE = "records.sqlite"
WRITERS_LOCK = 4_611_686_018
"""The number of PostgreSQL's advisory lock; any, but always the same."""

DRIVERS = frozenset({"postgresql", "postgresql+psycopg"})
SCRUB_TRIES = 3


class Records:
    """The records of an installation.

    Args:
        url: SQLAlchemy's address of the database.
    """

    def __init__(self, url: URL) -> None:
        self.url = url
        self.engine = _engine(url)

    @property
    def is_sqlite(self) -> bool:
        """They are in a file of ours."""
        return self.url.get_backend_name() == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that changes nothing.

        Raises:
            RecordsError: The database cannot be reached or read.
        """
        with _in_words(self.url), Session(self.engine) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session that is committed at the end; an error leaves everything as it was.

        Raises:
            RecordsError: The database cannot be reached or written.
            RecordsBusy: Another writer did not end in time.
            RegisterChanged: Somebody else changed the same row in between.
        """
        with _in_words(self.url), Session(self.engine, expire_on_commit=False) as session:
            if self.is_sqlite:
                session.connection(execution_options={"homeroom_immediate": True})
            else:
                session.execute(text(f"SET LOCAL lock_timeout = '{BUSY_TIMEOUT_SECONDS}s'"))
                session.execute(text(f"SELECT pg_advisory_xact_lock({WRITERS_LOCK})"))
            yield session
            session.commit()

    def scrub(self) -> bool:
        """Leave nothing of deleted rows in the write-ahead log (SQLite).

        Returns:
            False where another process still reads from the log; it goes when that one ends. With
            PostgreSQL, deleted rows go with its own vacuum and its own log.
        """
        if not self.is_sqlite:
            return True
        with _in_words(self.url), self.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA busy_timeout = 1000")
            for _ in range(SCRUB_TRIES):
                busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar()
                if not busy:
                    return True
        return False

    def revision(self) -> str | None:
        """The migration that the database stands at; None when it is empty."""
        with _in_words(self.url), self.engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()

    def migrate(self, revision: str = "head") -> None:
        """Bring the database to a migration, up or down.

        Raises:
            RecordsError: It cannot be done; the database is as it was.
        """
        known = {s.revision for s in ScriptDirectory.from_config(alembic_config()).walk_revisions()}
        if revision not in known | {"head", "base"}:
            raise RecordsError(f"there is no migration {revision!r}.")
        config = alembic_config()
        with _in_words(self.url), self.engine.connect() as connection:
            config.attributes["connection"] = connection
            now = MigrationContext.configure(connection).get_current_revision()
            script = ScriptDirectory.from_config(config)
            target = script.get_current_head() if revision == "head" else revision
            above = {step.revision for step in script.iterate_revisions(now, "base")} if now else ()
            connection.rollback()
            if target == "base" or (target in above and target != now):
                command.downgrade(config, revision)
            else:
                command.upgrade(config, revision)

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()


def open_records(settings: Settings) -> Records:
    """The records that the settings name; made where there are none yet.

    Raises:
        RecordsError: They cannot be opened.
        RecordsOutdated: They stand at another migration than this version needs.
    """
    records = records_of(settings)
    try:
        head = ScriptDirectory.from_config(alembic_config()).get_current_head()
        now = records.revision()
        if now is None:
            with _first_time(records):
                if records.revision() is None:
                    records.migrate()
        elif now != head:
            raise RecordsOutdated(
                f"the records stand at migration {now}, and this version needs {head}.",
                where=_shown(records.url),
                hint="Back them up, then run `homeroom records upgrade`.",
            )
    except BaseException:
        records.close()
        raise
    return records


def records_exist(settings: Settings) -> bool:
    """Whether there are any: in PostgreSQL, or a file. Nothing is made."""
    return settings.records.url is not None or (settings.records_dir / SQLITE_FILE).is_file()


def records_of(settings: Settings) -> Records:
    """The records that the settings name, at whatever migration they stand.

    Raises:
        RecordsError: Their address is wrong, or their folder cannot be made.
    """
    return Records(_url(settings))


@contextmanager
def _first_time(records: Records) -> Iterator[None]:
    """One process makes the tables; a second one waits and finds them."""
    if not records.is_sqlite:
        with records.engine.connect() as connection:
            connection.execute(text(f"SELECT pg_advisory_xact_lock({WRITERS_LOCK + 1})"))
            yield
        return
    with FileLock(f"{records.url.database}.lock"):
        yield


def _url(settings: Settings) -> URL:
    if settings.records.url is not None:
        hint = "Write postgresql+psycopg://user:password@host/homeroom."
        try:
            url = make_url(settings.records.url.get_secret_value())
        except ArgumentError:
            raise RecordsError("records.url is not a database's address.", hint=hint) from None
        if url.drivername not in DRIVERS:
            raise RecordsError(f"records.url names {url.drivername}, not PostgreSQL.", hint=hint)
        return url.set(drivername="postgresql+psycopg")
    folder = settings.records_dir
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (folder / SQLITE_FILE).touch(mode=0o600)
    except OSError as error:
        raise RecordsError(f"the folder cannot be made: {error}.", where=str(folder)) from error
    return URL.create("sqlite+pysqlite", database=str(folder / SQLITE_FILE))


def _engine(url: URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        return create_engine(url, pool_size=CONNECTIONS, pool_pre_ping=True)
    timeout = {"timeout": BUSY_TIMEOUT_SECONDS}
    engine = create_engine(url, pool_size=CONNECTIONS, connect_args=timeout)

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, below
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "secure_delete = ON",
            f"busy_timeout = {BUSY_TIMEOUT_SECONDS * 1000}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        immediate = connection.get_execution_options().get("homeroom_immediate")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine


@contextmanager
def _in_words(url: URL) -> Iterator[None]:
    """Errors of the database as ours; never with values in them, which may be names."""
    try:
        yield
    except StaleDataError:
        raise RegisterChanged(
            "somebody else changed it in between.", hint="Reload it, then decide again."
        ) from None
    except OperationalError as error:
        reason = str(error.orig).splitlines()[0]
        if any(word in reason for word in ("locked", "busy", "lock timeout", "deadlock")):
            raise RecordsBusy(
                f"somebody else has been writing for over {BUSY_TIMEOUT_SECONDS} s.",
                where=_shown(url),
                hint="Try again.",
            ) from None
        raise RecordsError(f"the database says: {reason}.", where=_shown(url)) from None
    except DBAPIError as error:
        reason = f"{type(error.orig).__name__} ({_constraint(error)})"
        raise RecordsError(f"the database refused it: {reason}.", where=_shown(url)) from None


def _constraint(error: DBAPIError) -> str:
    diagnosis = getattr(error.orig, "diag", None)
    if diagnosis is not None:
        return str(diagnosis.constraint_name or diagnosis.message_primary)
    return str(error.orig)


def _shown(url: URL) -> str:
    return url.render_as_string(hide_password=True)


def alembic_config() -> Config:
    """Alembic over the migrations of this package."""
    config = Config()
    config.set_main_option(
        "script_location", str(Path(str(files("cluster.records"))) / "migrations")
    )
    return config
