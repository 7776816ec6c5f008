"""Kills a forked child process at a chosen point of its database transaction.

The child stops at the point and reports it, and only then is it killed: so the outcome does not
depend on how busy the machine is.
"""

import os
import signal
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NoReturn

from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

REACHED, FINISHED = b"r", b"f"


class Stage(StrEnum):
    """How far the transaction of the child is."""

    STATEMENT = "statement"
    """After one of its SQL statements."""
    COMMIT = "commit"
    """After all statements, before COMMIT."""
    COMMITTED = "committed"
    """After COMMIT, before the task returns."""


@dataclass(frozen=True)
class KillPoint:
    """Where the child is killed.

    Attributes:
        stage: How far its transaction is.
        statement: Number of the SQL statement, from 1.
        delay_seconds: None: the child stops at the point. Otherwise it goes on, and is killed so
            long afterwards, wherever it then is.
    """

    stage: Stage
    statement: int = 1
    delay_seconds: float | None = None


def run_and_kill(point: KillPoint, prepare: Callable[[], Callable[[], None]]) -> bool:
    """Run a task in a forked child, and kill the child at a point.

    Args:
        point: Where.
        prepare: Called in the child; opens its own connections, and returns the task.

    Returns:
        Whether the point was reached; if not, the child was killed after it had finished the task.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _run(point, prepare, writer)
    os.close(writer)
    report = os.read(reader, 1)
    if point.delay_seconds is not None:
        time.sleep(point.delay_seconds)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    os.close(reader)
    assert report, f"the child ended before the point, with status {status}"
    return report == REACHED


def _run(point: KillPoint, prepare: Callable[[], Callable[[], None]], writer: int) -> NoReturn:
    try:
        task = prepare()
        _stop_at(point, writer)
        task()
        os.write(writer, FINISHED)
        _wait_for_kill()
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        os._exit(1)  # an error in the child must not run the rest of the tests


def _stop_at(point: KillPoint, writer: int) -> None:
    """Have every engine of this process report the point, and stop there."""
    statements = 0

    def reach(*_arguments: Any) -> None:
        os.write(writer, REACHED)
        if point.delay_seconds is None:
            _wait_for_kill()

    def count(*_arguments: Any) -> None:
        nonlocal statements
        statements += 1
        if statements == point.statement:
            reach()

    if point.stage is Stage.STATEMENT:
        event.listen(Engine, "after_cursor_execute", count)
    elif point.stage is Stage.COMMIT:
        event.listen(Engine, "commit", reach)
    else:
        event.listen(Session, "after_commit", reach)


def _wait_for_kill() -> NoReturn:
    while True:
        signal.pause()
