"""The command `homeroom` for tests, without a process of its own."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cluster.cli.main import run


@dataclass(frozen=True)
class CommandResult:
    """Exit status and output of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    def stderr_contains(self, text: str) -> bool:
        """Whether standard error contains a text, wherever its lines are wrapped."""
        return "".join(text.split()) in "".join(self.err.split())


class Homeroom:
    """`homeroom`, run in this process through its entry point."""

    def __init__(self, patch: pytest.MonkeyPatch, captured: pytest.CaptureFixture[str]) -> None:
        self._patch = patch
        self._captured = captured

    def __call__(self, *arguments: str | Path) -> CommandResult:
        self._captured.readouterr()
        self._patch.setattr(sys, "argv", ["homeroom", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            run()
        output = self._captured.readouterr()
        code = ended.value.code
        return CommandResult(
            code if isinstance(code, int) else int(code is not None), output.out, output.err
        )
