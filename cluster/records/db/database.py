"""Opens the records' database: SQLite unless a PostgreSQL URL is set.

    with records.reading() as session: …     reads what is committed
    with records.writing() as session: …     committed at the end, or not at all

Writers are serialised: SQLite's by `BEGIN IMMEDIATE`, PostgreSQL's by an advisory lock. What a
writer has read stays true until it commits, so consent cannot end between its check and its use.
Writes take milliseconds, except for imports.
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
POOL_SIZE = 10
"""The size of a process's pool; when all are in use, a few more are opened and closed again."""

SQLITE_FILE = "records.sqlite"
WRITER_LOCK_KEY = 4_611_686_018
"""The key of PostgreSQL's advisory lock: arbitrary, but always the same."""

DRIVERS = frozenset({"postgresql", "postgresql+psycopg"})
SCRUB_ATTEMPTS = 3


class Records:
    """The records of an installation.

    Args:
        url: The database's URL.
    """

    def __init__(self, url: URL) -> None:
        self.url = url
        self.engine = _engine(url)

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is a local SQLite file."""
        return self.url.get_backend_name() == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Open a session that changes nothing.

        Raises:
            RecordsError: The database cannot be reached or read.
        """
        with _translate_errors(self.url), Session(self.engine) as session:
            yield session

    @contextmanager
    def staging(self) -> Iterator[Connection]:
        """Open a connection of its own, whose temporary tables end with it.

        What is prepared on it waits for no writer, and no writer waits for it; `writing` takes it.

        Raises:
            RecordsError: The database cannot be reached.
        """
        with _translate_errors(self.url), self.engine.connect() as connection:
            connection.detach()
            yield connection

    @contextmanager
    def writing(self, connection: Connection | None = None) -> Iterator[Session]:
        """Open a session that is committed at the end, or rolled back after an error.

        Args:
            connection: The connection of `staging` to write with; one of the pool unless given.

        Raises:
            RecordsError: The database cannot be reached or written.
            RecordsBusy: Another writer did not finish in time.
            RegisterChanged: Another transaction changed the same row in between.
        """
        bind = self.engine if connection is None else connection
        with _translate_errors(self.url), Session(bind, expire_on_commit=False) as session:
            if self.is_sqlite:
                session.connection(execution_options={"homeroom_immediate": True})
            else:
                session.execute(text(f"SET LOCAL lock_timeout = '{BUSY_TIMEOUT_SECONDS}s'"))
                session.execute(text(f"SELECT pg_advisory_xact_lock({WRITER_LOCK_KEY})"))
            yield session
            session.commit()

    def scrub(self) -> bool:
        """Truncate SQLite's write-ahead log, which still holds deleted rows.

        Returns:
            False where another process still reads from the log; it is truncated when that process
            ends. PostgreSQL removes deleted rows by its vacuum and recycles its log itself.
        """
        if not self.is_sqlite:
            return True
        with _translate_errors(self.url), self.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA busy_timeout = 1000")
            for _ in range(SCRUB_ATTEMPTS):
                busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar()
                if not busy:
                    return True
        return False

    def revision(self) -> str | None:
        """Return the database's migration; None when it is empty."""
        with _translate_errors(self.url), self.engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()

    def migrate(self, revision: str = "head") -> None:
        """Upgrade or downgrade the database to a migration.

        Raises:
            RecordsError: The migration does not exist or failed; the database is unchanged.
        """
        known = {s.revision for s in ScriptDirectory.from_config(alembic_config()).walk_revisions()}
        if revision not in known | {"head", "base"}:
            raise RecordsError(f"there is no migration {revision!r}.")
        config = alembic_config()
        with _translate_errors(self.url), self.engine.connect() as connection:
            config.attributes["connection"] = connection
            current = MigrationContext.configure(connection).get_current_revision()
            script = ScriptDirectory.from_config(config)
            target = script.get_current_head() if revision == "head" else revision
            applied = (
                {step.revision for step in script.iterate_revisions(current, "base")}
                if current
                else set()
            )
            connection.rollback()
            if self.is_sqlite:
                # A table that is changed is made anew: its rows must not take others with them.
                connection.detach()
                connection.connection.cursor().execute("PRAGMA foreign_keys = OFF")
            if target == "base" or (target in applied and target != current):
                command.downgrade(config, revision)
            else:
                command.upgrade(config, revision)
            if self.is_sqlite:
                broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
                if broken is not None:
                    raise RecordsError(f"rows of {broken[0]} refer to rows that do not exist.")

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def open_records(settings: Settings) -> Records:
    """Open the records that the settings name; create the tables where there are none yet.

    Raises:
        RecordsError: They cannot be opened.
        RecordsOutdated: They are at another migration than this version needs.
    """
    records = records_of(settings)
    try:
        head = ScriptDirectory.from_config(alembic_config()).get_current_head()
        current = records.revision()
        if current is None:
            with _creation_lock(records):
                if records.revision() is None:
                    records.migrate()
        elif current != head:
            raise RecordsOutdated(
                f"the records are at migration {current}, and this version needs {head}.",
                where=_redacted(records.url),
                hint="Back them up, then run `homeroom records upgrade`.",
            )
    except BaseException:
        records.close()
        raise
    return records


def records_exist(settings: Settings) -> bool:
    """Whether there are any: in PostgreSQL, or in a file. Nothing is created."""
    return settings.records.url is not None or (settings.records_dir / SQLITE_FILE).is_file()


def records_of(settings: Settings) -> Records:
    """Return the records that the settings name, at whatever migration they are.

    Raises:
        RecordsError: Their URL is invalid, or their folder cannot be created.
    """
    return Records(_url(settings))


@contextmanager
def _creation_lock(records: Records) -> Iterator[None]:
    """Let one process create the tables, while others wait."""
    if not records.is_sqlite:
        with records.engine.connect() as connection:
            connection.execute(text(f"SELECT pg_advisory_xact_lock({WRITER_LOCK_KEY + 1})"))
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
            raise RecordsError("records.url is not a database's URL.", hint=hint) from None
        if url.drivername not in DRIVERS:
            raise RecordsError(f"records.url names {url.drivername}, not PostgreSQL.", hint=hint)
        return url.set(drivername="postgresql+psycopg")
    folder = settings.records_dir
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (folder / SQLITE_FILE).touch(mode=0o600)
    except OSError as error:
        raise RecordsError(f"the folder cannot be created: {error}.", where=str(folder)) from error
    return URL.create("sqlite+pysqlite", database=str(folder / SQLITE_FILE))


def _engine(url: URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        return create_engine(url, pool_size=POOL_SIZE, pool_pre_ping=True)
    timeout = {"timeout": BUSY_TIMEOUT_SECONDS}
    engine = create_engine(url, pool_size=POOL_SIZE, connect_args=timeout)

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # BEGIN is sent explicitly, below
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "secure_delete = ON",
            "temp_store = MEMORY",
            f"busy_timeout = {BUSY_TIMEOUT_SECONDS * 1000}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        immediate = connection.get_execution_options().get("homeroom_immediate")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine


@contextmanager
def _translate_errors(url: URL) -> Iterator[None]:
    """Raise the database's errors as `RecordsError`s, without values, which may be names."""
    try:
        yield
    except StaleDataError:
        raise RegisterChanged(
            "somebody else changed it in between.", hint="Reload it, then decide again."
        ) from None
    except OperationalError as error:
        reason = str(error.orig).splitlines()[0]
        if any(phrase in reason for phrase in ("locked", "busy", "lock timeout", "deadlock")):
            raise RecordsBusy(
                f"another process has been writing for over {BUSY_TIMEOUT_SECONDS} s.",
                where=_redacted(url),
                hint="Try again.",
            ) from None
        raise RecordsError(f"the database failed: {reason}.", where=_redacted(url)) from None
    except DBAPIError as error:
        reason = f"{type(error.orig).__name__} ({_constraint(error)})"
        raise RecordsError(f"the database rejected it: {reason}.", where=_redacted(url)) from None


def _constraint(error: DBAPIError) -> str:
    diagnosis = getattr(error.orig, "diag", None)
    if diagnosis is not None:
        return str(diagnosis.constraint_name or diagnosis.message_primary)
    return str(error.orig)


def _redacted(url: URL) -> str:
    return url.render_as_string(hide_password=True)


def alembic_config() -> Config:
    """Return the configuration of Alembic for this package's migrations."""
    config = Config()
    config.set_main_option(
        "script_location", str(Path(str(files("cluster.records"))) / "migrations")
    )
    return config
