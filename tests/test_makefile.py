"""The Makefile's targets: each installs what it needs, and no more."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def planned(*arguments: str, venv: Path) -> str:
    """Return the commands that make would run."""
    environment = {name: value for name, value in os.environ.items() if "MAKE" not in name}
    command = ["make", "--dry-run", f"VENV={venv}", *arguments]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=ROOT, env=environment
    )
    return done.stdout


def installs(plan: str) -> list[str]:
    """Return what a plan installs, in order."""
    found = re.findall(r"/pip install .*?(--editable \S+|(\w+)\.extra\.txt|'cmake)", plan)
    names = {"'cmake": "tools", "--editable '.[web]'": "package"}
    return [extra or names[what] for what, extra in found]


@pytest.mark.parametrize(
    ("target", "needed"),
    [
        ("tour", []),
        ("test", ["test"]),
        ("test-all", ["test"]),
        ("bench", ["bench"]),
        ("lint", ["lint"]),
        ("types", ["lint"]),
        ("docs", ["docs"]),
        ("package", ["package"]),
        ("check", ["docs", "lint", "test", "tools"]),
    ],
)
def test_target_installs_what_it_needs(target: str, needed: list[str], tmp_path: Path) -> None:
    package, *others = installs(planned(target, venv=tmp_path / "venv"))
    assert package == "package"
    assert sorted(others) == needed


def test_what_is_there_is_not_installed_again(tmp_path: Path) -> None:
    for name in ("installed", "lint.extra"):
        (tmp_path / name).touch()
    assert installs(planned("tour", "types", venv=tmp_path)) == []
    assert installs(planned("tour", "test", venv=tmp_path)) == ["test"]


def test_extras_follow_a_change_of_the_package(tmp_path: Path) -> None:
    for name in ("test.extra", "installed"):  # the package is the newer one
        (tmp_path / name).touch()
    os.utime(tmp_path / "test.extra", (0, 0))
    assert installs(planned("test", venv=tmp_path)) == ["test"]


def test_the_count_of_tests_is_the_last_that_check_prints(tmp_path: Path) -> None:
    assert planned("check", venv=tmp_path).splitlines()[-1].split()[0].endswith("/pytest")


def test_check_runs_the_slow_tests_that_test_leaves_out(tmp_path: Path) -> None:
    assert "not slow" in planned("test", venv=tmp_path)
    assert "not slow" not in planned("check", venv=tmp_path)
