"""Running the commands: in this process, and as users do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.cli.samples import Run
from tests.processes import python
from typer.testing import CliRunner

from lookalike.cli.app import app, main


@pytest.fixture
def invoke(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs a command in this process; usage errors stay typer's."""
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments: str | Path) -> Any:
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    return run


@pytest.fixture
def run_main(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs ``lookalike`` as its process does, but in this process."""
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        monkeypatch.setattr(sys, "argv", ["lookalike", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        code = ended.value.code
        assert code is None or isinstance(code, int)
        return subprocess.CompletedProcess(sys.argv, code or 0, printed.out, printed.err)

    return run


@pytest.fixture
def lookalike() -> Run:
    """Return a function that runs ``lookalike`` in a process of its own, its output piped."""

    def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*python(), "-c", "from lookalike.cli.app import main; main()", *arguments],
            capture_output=True,
            text=True,
            encoding="utf-8",
            env={**os.environ, "PYTHONUTF8": "1", **environment},
            timeout=120,
            check=False,
        )

    return run
