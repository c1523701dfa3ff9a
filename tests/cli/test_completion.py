"""Completion in shells, which typer makes of the commands."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from tests.cli.samples import Run


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("lookalike pre", ["predict"]),
        ("lookalike f", ["forget"]),
        ("lookalike predict --form", ["--format"]),
        ("lookalike predict --format ", ["table", "csv", "jsonl"]),
    ],
)
def test_bash_is_told_what_fits(words: str, expected: list[str]) -> None:
    program = (
        "import sys; from lookalike.cli.app import main\n"
        "try: main()\n"
        "finally: print('numpy' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={
            **os.environ,
            "_LOOKALIKE_COMPLETE": "complete_bash",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split(" ")) - 1),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == expected
    assert done.stderr == "False\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_its_script(shell: str, lookalike: Run) -> None:
    done = lookalike(_LOOKALIKE_COMPLETE=f"source_{shell}")
    assert done.returncode == 0
    assert "_LOOKALIKE_COMPLETE" in done.stdout
