"""Logging: one configuration for all processes, structured lines, no credentials.

    structlog ─┐                                                               ┌─> JSON (default)
               ├─> level, UTC, request id, traceback ─> redact_credentials ────┤
    logging ───┘                                                               └─> a terminal

Every value goes through `cluster.runtime.redaction.redact_credentials`, tracebacks too. Loggers
with handlers of their own (those of Ray Serve and uvicorn) keep them, with a `RedactingFilter`.
"""

import logging
import sys
import threading
import traceback
from collections.abc import Mapping, MutableMapping
from typing import Any, Final

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from cluster.runtime.redaction import redact_credentials

HANDLER_NAME: Final = "homeroom"
FOREIGN_LOGGERS: Final = (
    "ray",
    "ray.serve",
    "ray.data",
    "uvicorn",
    "uvicorn.error",
    "uvicorn.access",
)
"""Loggers of libraries that have handlers of their own."""


def configure_logging(json: bool | None = None, level: int = logging.INFO) -> None:
    """Configure structlog and `logging` for this process; a second call replaces the first.

    Args:
        json: Whether to write one JSON object a line, or lines for a terminal; None writes JSON
            unless standard error is a terminal.
        level: Least severe level that is written.
    """
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared_processors(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.set_name(HANDLER_NAME)
    handler.setFormatter(create_log_formatter(not sys.stderr.isatty() if json is None else json))
    handler.addFilter(RedactingFilter())  # `logging` itself prints records that it cannot format
    root = logging.getLogger()
    for old in list(root.handlers):
        # A plain stream handler (of logging.basicConfig) would write each line a second time.
        if old.get_name() == HANDLER_NAME or type(old) is logging.StreamHandler:
            root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    threading.excepthook = _log_thread_exception
    redact_foreign_handlers()


def redact_foreign_handlers() -> None:
    """Add a `RedactingFilter` to the handlers of Ray's and uvicorn's loggers.

    Call it again where such a logger is configured later.
    """
    root = logging.getLogger()
    handlers = [handler for name in FOREIGN_LOGGERS for handler in logging.getLogger(name).handlers]
    for handler in [*root.handlers, *handlers]:
        if handler.get_name() != HANDLER_NAME and not any(
            isinstance(existing, RedactingFilter) for existing in handler.filters
        ):
            handler.addFilter(RedactingFilter())


def create_log_formatter(json: bool) -> logging.Formatter:
    """Return a formatter for any handler, for records of structlog and of `logging`."""
    renderer: Processor = structlog.processors.JSONRenderer()
    if not json:
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    return structlog.stdlib.ProcessorFormatter(
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _redact_event,
            renderer,
        ],
        foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *_shared_processors()],
    )


class RedactingFilter(logging.Filter):
    """Redacts credentials in the records of a handler; drops none.

    Arguments stay apart from the message where that suffices: uvicorn's formatters unpack them.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact message, arguments and traceback."""
        if record.exc_info and not record.exc_text:
            record.exc_text = "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
        if record.exc_text:
            record.exc_text = redact_credentials(record.exc_text)
        if isinstance(record.msg, dict):  # structlog's event, for its ProcessorFormatter
            record.msg = _redact_value(record.msg)
            return True
        try:
            message = record.getMessage()
        except (TypeError, ValueError):  # arguments do not match: `logging` reports it when writing
            record.msg = redact_credentials(str(record.msg))
            record.args = _redact_arguments(record.args)
            return True
        if redact_credentials(message) == message:
            return True
        record.args = _redact_arguments(record.args)
        message = record.getMessage()
        if redact_credentials(message) != message:
            record.msg, record.args = redact_credentials(message), ()
        return True


def _log_thread_exception(failure: threading.ExceptHookArgs) -> None:
    """Log the exception that ended a thread, instead of printing it with its credentials."""
    if failure.exc_type is SystemExit:
        return
    name = failure.thread.name if failure.thread else "unknown"
    cause = (failure.exc_type, failure.exc_value or failure.exc_type(), failure.exc_traceback)
    logging.getLogger(__name__).error("thread %r ended by an exception", name, exc_info=cause)


def _shared_processors() -> list[Processor]:
    """Return the processors of every record, of structlog and of `logging`."""
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]


def _redact_event(
    _logger: WrappedLogger, _method: str, event: EventDict
) -> MutableMapping[str, Any]:
    """Redact all values of an event, as a structlog processor."""
    return {key: _redact_value(value) for key, value in event.items()}


def _redact_value(value: Any) -> Any:
    if isinstance(value, bool | int | float | None):
        return value
    if isinstance(value, Mapping):
        return {redact_credentials(str(key)): _redact_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redact_value(item) for item in value]
    return redact_credentials(str(value))


def _redact_arguments(arguments: Any) -> Any:
    if isinstance(arguments, tuple):
        return tuple(_redact_argument(value) for value in arguments)
    if isinstance(arguments, dict):
        return {key: _redact_argument(value) for key, value in arguments.items()}
    return arguments


def _redact_argument(value: Any) -> Any:
    """Redact an argument; numbers stay numbers, for `%d`."""
    return value if isinstance(value, bool | int | float | None) else redact_credentials(str(value))
