"""What a user at a terminal sees: colours on stdout, progress on stderr, JSON undisturbed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from tests.processes import python

pty = pytest.importorskip("pty", reason="pseudo-terminals are of POSIX")


def run_in_terminal(*arguments: str, interpreter: list[str] | None = None) -> tuple[str, str]:
    """Run ``lookalike`` with terminals of 100 columns; return what stdout's and stderr's show."""
    out, err = pty.openpty(), pty.openpty()
    environment = {
        **os.environ,
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "COLUMNS": "100",
    }
    environment.pop("NO_COLOR", None)
    shown = [b"", b""]

    def drain(which: int, master: int) -> None:
        try:
            while chunk := os.read(master, 65536):
                shown[which] += chunk
        except OSError:  # how Linux says that the other end was closed
            pass

    threads = [threading.Thread(target=drain, args=pair) for pair in enumerate((out[0], err[0]))]
    for thread in threads:
        thread.start()
    done = subprocess.run(
        [
            *(interpreter or python()),
            "-c",
            "from lookalike.cli.app import main; main()",
            *arguments,
        ],
        stdin=subprocess.DEVNULL,
        stdout=out[1],
        stderr=err[1],
        env=environment,
        timeout=120,
        check=False,
    )
    os.close(out[1])
    os.close(err[1])
    for thread in threads:
        thread.join()
    assert done.returncode == 0
    return shown[0].decode(), shown[1].decode()


@pytest.fixture
def few(tmp_path: Path) -> str:
    """A data set of six images, which every step of the tour takes in an instant."""
    path, labels = tmp_path / "few.npz", np.array([0, 0, 1, 1, 1, 2])
    images = np.random.default_rng(0).integers(0, 256, (6, 5, 5), dtype=np.uint8)
    np.savez(path, train_images=images, train_labels=labels, test_images=images, test_labels=labels)
    return str(path)


@pytest.mark.slow("walks the tour at a terminal")
def test_tour_draws_with_half_blocks_and_shows_progress(few: str) -> None:
    stdout, stderr = run_in_terminal("tour", "--data", few, interpreter=[sys.executable])
    assert "▀" in stdout
    assert "\x1b[38;2;" in stdout
    assert "\x1b[1" in stdout
    for what in ("importing libraries", "building the index", "searching neighbours"):
        assert what in stderr
        assert what not in stdout


@pytest.mark.slow("starts a process at a terminal")
def test_clean_draws_and_shows_how_far_it_is() -> None:
    stdout, stderr = run_in_terminal("clean", "digits", "--quality", "fast", "--train", "100")
    assert "▀" in stdout
    for what in ("importing libraries", "learning from 100 images"):
        assert what in stderr
        assert what not in stdout


@pytest.mark.slow("starts a process at a terminal")
def test_json_has_no_escape_codes_even_at_a_terminal(few: str) -> None:
    stdout, _ = run_in_terminal("tour", "--data", few, "--json")
    assert "\x1b" not in stdout
    assert json.loads(stdout)["steps"]["load"]["data"] == few
