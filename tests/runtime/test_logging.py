"""Log lines are structured, carry the request id, and hold no credentials."""

import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog
from uvicorn.logging import AccessFormatter

from cluster.runtime.logging import (
    RedactingFilter,
    configure_logging,
    create_log_formatter,
    redact_foreign_handlers,
)

ADDRESS = "rtsp://viewer:hunter2@cam.example/1"
CANARY = "hunter2"
LOGGER = "tests.logs"


class Written:
    """The lines written to standard error."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self._text = ""

    @property
    def text(self) -> str:
        self._text += self._capsys.readouterr().err
        return self._text

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def written(capsys: pytest.CaptureFixture[str]) -> Iterator[Written]:
    """Captures what is logged, and restores the logging configuration."""
    root = logging.getLogger()
    before, level, hook = list(root.handlers), root.level, threading.excepthook
    yield Written(capsys)
    root.handlers[:], threading.excepthook = before, hook
    root.setLevel(level)
    for handler in before:
        handler.filters[:] = [
            existing for existing in handler.filters if not isinstance(existing, RedactingFilter)
        ]
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@contextmanager
def logger_with(handler: logging.Handler, name: str) -> Iterator[logging.Logger]:
    """A logger with a handler of its own."""
    logger = logging.getLogger(name)
    before = logger.propagate, logger.level
    logger.addHandler(handler)
    logger.propagate = False
    logger.setLevel(logging.INFO)
    yield logger
    logger.removeHandler(handler)
    logger.propagate, level = before
    logger.setLevel(level)


def test_structlog_and_logging_write_the_same_lines(written: Written) -> None:
    configure_logging(json=True)
    structlog.get_logger(LOGGER).info("camera is live", camera="cam1", frames=3)
    logging.getLogger(LOGGER).warning("camera %s is %s", "cam1", "stalled", extra={"frames": 4})
    first, second = written.lines
    assert (first["event"], first["camera"], first["frames"]) == ("camera is live", "cam1", 3)
    assert (second["event"], second["frames"]) == ("camera cam1 is stalled", 4)
    assert (first["level"], second["level"]) == ("info", "warning")
    assert first["logger"] == second["logger"] == LOGGER
    for line in (first, second):
        timestamp = datetime.fromisoformat(line["timestamp"])
        assert timestamp.utcoffset() == UTC.utcoffset(None)


def test_lines_carry_the_request_id_while_it_is_bound(written: Written) -> None:
    configure_logging(json=True)
    logger = logging.getLogger(LOGGER)
    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        logger.info("in")
        structlog.get_logger(LOGGER).info("in")
    logger.info("out")
    assert [line.get("request_id") for line in written.lines] == ["r-1", "r-1", None]


@pytest.mark.parametrize("is_json", [True, False])
def test_credentials_are_redacted_in_structlog_and_in_logging(
    written: Written, is_json: bool
) -> None:
    configure_logging(json=is_json)
    structured, standard = structlog.get_logger(LOGGER), logging.getLogger(LOGGER)
    structured.info(f"opening {ADDRESS}", address=ADDRESS, deep={"list": [ADDRESS, (ADDRESS,)]})
    structured.info("opening %s", ADDRESS, error=ValueError(ADDRESS))
    structured.info("a key", of={ADDRESS: 1})
    standard.info("opening %s", ADDRESS)
    standard.info("opening %(address)s", {"address": ADDRESS})
    standard.info("opening", extra={"address": ADDRESS})
    standard.info("rtsp://%s:%s@cam.example/1", "viewer", CANARY)
    try:
        raise ValueError(ADDRESS)
    except ValueError:
        structured.exception("it broke")
        standard.exception("it broke")
    text = written.text
    assert text.count("opening") >= 5
    assert text.count("ValueError") >= 3
    assert CANARY not in text
    assert "cam.example" in text


def test_an_exception_that_ends_a_thread_is_logged_without_credentials(written: Written) -> None:
    configure_logging(json=True)

    def fail() -> None:
        raise ValueError(ADDRESS)

    thread = threading.Thread(target=fail, name="camera cam1")
    thread.start()
    thread.join()
    [line] = written.lines
    assert "camera cam1" in line["event"]
    assert "ValueError" in line["exception"]
    assert CANARY not in written.text


def test_a_second_call_replaces_the_first(written: Written) -> None:
    logging.getLogger().addHandler(logging.StreamHandler())
    configure_logging(json=True)
    configure_logging(json=True)
    logging.getLogger(LOGGER).info("once")
    assert [line["event"] for line in written.lines] == ["once"]


def test_levels_below_the_configured_one_are_dropped(written: Written) -> None:
    configure_logging(json=True)
    logging.getLogger(LOGGER).debug("not this")
    structlog.get_logger(LOGGER).debug("nor this")
    assert written.text == ""


def test_without_a_terminal_lines_are_json(written: Written) -> None:
    configure_logging()
    logging.getLogger(LOGGER).info("plain")
    assert written.lines[0]["event"] == "plain"


def test_uvicorns_access_lines_keep_their_format_and_are_redacted(written: Written) -> None:
    """uvicorn's formatter unpacks the five arguments of an access line."""
    handler = logging.StreamHandler()
    handler.setFormatter(AccessFormatter('%(client_addr)s "%(request_line)s" %(status_code)s'))
    with logger_with(handler, "uvicorn.access") as logger:
        configure_logging(json=True)
        redact_foreign_handlers()
        message = '%s - "%s %s HTTP/%s" %d'
        path = f"/api/events?access_token={CANARY}&after=3"
        logger.info(message, "127.0.0.1:5000", "GET", path, "1.1", 200)
    assert 'GET /api/events?access_token=***&after=3 HTTP/1.1" 200' in written.text
    assert written.text.count("\n") == 1


def test_the_filter_works_on_any_handler(written: Written) -> None:
    handler = logging.StreamHandler()
    handler.addFilter(RedactingFilter())
    with logger_with(handler, f"{LOGGER}.filtered") as logger:
        logger.info("opening %s, %d of %d", ADDRESS, 1, 2)
        logger.info("%s:%s@cam.example", "viewer", CANARY)
        try:
            raise ValueError(ADDRESS)
        except ValueError:
            logger.exception("it broke")
    assert "opening rtsp://***@cam.example/1, 1 of 2" in written.text
    assert "ValueError: rtsp://***@cam.example/1" in written.text
    assert CANARY not in written.text


def test_arguments_that_do_not_match_their_message_are_redacted(written: Written) -> None:
    handler = logging.StreamHandler()
    handler.addFilter(RedactingFilter())
    with logger_with(handler, f"{LOGGER}.broken") as logger:
        logger.info("opening %d %d", ADDRESS)
    assert "Logging error" in written.text
    assert CANARY not in written.text


def test_the_formatter_works_on_any_handler(written: Written) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(create_log_formatter(json=True))
    with logger_with(handler, f"{LOGGER}.formatted") as logger:
        logger.info("opening %s", ADDRESS)
    assert written.lines[0]["event"] == "opening rtsp://***@cam.example/1"
