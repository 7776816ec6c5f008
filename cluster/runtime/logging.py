"""Logs: one set-up for all processes, lines that machines can read, no credential in any of them.

    structlog ─┐                                                            ┌─> JSON (default)
               ├─> level, UTC, request id, exception as text ─> hide every ─┤
    logging ───┘                                                   value    └─> a terminal

Every value goes through `cluster.runtime.redaction.redact_credentials`, exceptions too. Loggers
that bring handlers of their own (Ray Serve's and uvicorn's do) keep them; `RedactingFilter` hides
in these.
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
"""Loggers of others that have handlers of their own."""


def configure_logging(json: bool | None = None, level: int = logging.INFO) -> None:
    """Set up structlog and `logging` for this process; a second call replaces the first.

    Args:
        json: One JSON object a line, or lines for a terminal; unset: JSON where standard error
            is no terminal.
        level: What is less important is dropped.
    """
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.set_name(HANDLER_NAME)
    handler.setFormatter(create_log_formatter(not sys.stderr.isatty() if json is None else json))
    handler.addFilter(RedactingFilter())  # logging itself prints what it cannot format
    root = logging.getLogger()
    for old in list(root.handlers):
        # A plain handler to a stream (logging.basicConfig) would say everything twice.
        if old.get_name() == HANDLER_NAME or type(old) is logging.StreamHandler:
            root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    threading.excepthook = _log_dead_thread
    redact_foreign_handlers()


def redact_foreign_handlers() -> None:
    """Hide credentials in what the handlers of Ray's and uvicorn's loggers write.

    To be called again where such a logger was set up later.
    """
    root = logging.getLogger()
    handlers = [one for name in FOREIGN_LOGGERS for one in logging.getLogger(name).handlers]
    for handler in [*root.handlers, *handlers]:
        if handler.get_name() != HANDLER_NAME and not any(
            isinstance(known, RedactingFilter) for known in handler.filters
        ):
            handler.addFilter(RedactingFilter())


def _log_dead_thread(death: threading.ExceptHookArgs) -> None:
    """A thread that dies of an exception says so in the log, where credentials are hidden."""
    if death.exc_type is SystemExit:
        return
    name = death.thread.name if death.thread else "unknown"
    cause = (death.exc_type, death.exc_value or death.exc_type(), death.exc_traceback)
    logging.getLogger(__name__).error("the thread %r died", name, exc_info=cause)


def create_log_formatter(json: bool) -> logging.Formatter:
    """A formatter that gives any handler our lines, from structlog and from `logging`."""
    renderer: Processor = structlog.processors.JSONRenderer()
    if not json:
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    return structlog.stdlib.ProcessorFormatter(
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _hide,
            renderer,
        ],
        foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *_shared()],
    )


class RedactingFilter(logging.Filter):
    """Hides credentials in the records of a handler; drops none.

    Arguments stay apart from the message where that suffices: uvicorn's formatters count them.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Hide in message, arguments and exception."""
        if record.exc_info and not record.exc_text:
            record.exc_text = "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
        if record.exc_text:
            record.exc_text = redact_credentials(record.exc_text)
        if isinstance(record.msg, dict):  # structlog's, for a formatter that knows it
            record.msg = _hidden_value(record.msg)
            return True
        try:
            shown = record.getMessage()
        except (TypeError, ValueError):  # logging itself says that they do not fit together
            record.msg, record.args = (
                redact_credentials(str(record.msg)),
                _hidden_arguments(record.args),
            )
            return True
        if redact_credentials(shown) == shown:
            return True
        record.args = _hidden_arguments(record.args)
        shown = record.getMessage()
        if redact_credentials(shown) != shown:
            record.msg, record.args = redact_credentials(shown), ()
        return True


def _hidden_arguments(arguments: Any) -> Any:
    if isinstance(arguments, tuple):
        return tuple(_hidden_argument(one) for one in arguments)
    if isinstance(arguments, dict):
        return {key: _hidden_argument(one) for key, one in arguments.items()}
    return arguments


def _hidden_argument(value: Any) -> Any:
    """Numbers stay numbers, for `%d`."""
    return value if isinstance(value, bool | int | float | None) else redact_credentials(str(value))


def _shared() -> list[Processor]:
    """What every line gets, wherever it comes from."""
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]


def _hide(_logger: WrappedLogger, _method: str, event: EventDict) -> MutableMapping[str, Any]:
    """The processor: no value leaves without it."""
    return {key: _hidden_value(value) for key, value in event.items()}


def _hidden_value(value: Any) -> Any:
    if isinstance(value, bool | int | float | None):
        return value
    if isinstance(value, Mapping):
        return {redact_credentials(str(key)): _hidden_value(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_hidden_value(one) for one in value]
    return redact_credentials(str(value))
