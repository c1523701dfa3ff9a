"""What all commands have in common: help, usage, errors, exit codes, Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.cli.samples import Run
from tests.processes import python

import lookalike as package

COMMANDS = [
    ["tour"],
    ["train"],
    ["predict"],
    ["serve"],
    ["add"],
    ["forget"],
    ["tune"],
    ["evaluate"],
    ["compare"],
    ["audit"],
    ["clean"],
    ["augment"],
    ["info"],
    ["data", "list"],
    ["data", "fetch"],
]


def test_help_loads_nothing_heavy() -> None:
    heavy = {"numpy", "scipy", "sklearn", "matplotlib", "PIL", "pooch", "rich", "lookalike._core"}
    done = subprocess.run(
        [sys.executable, "-c", HELPS, repr([[], *COMMANDS]), repr(heavy)],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.count("Usage:") == len(COMMANDS) + 1
    assert done.stderr == ""


HELPS = """
import sys
from ast import literal_eval
from lookalike.cli.app import main
commands, heavy = map(literal_eval, sys.argv[1:])
for command in commands:
    sys.argv = ["lookalike", *command, "--help"]
    try:
        main()
    except SystemExit as end:
        if end.code or not heavy.isdisjoint(sys.modules):
            print(command, end.code, heavy & sys.modules.keys(), file=sys.stderr)
"""


@pytest.mark.parametrize("arguments", COMMANDS)
def test_help_of_each_command_has_an_example(arguments: list[str], invoke: Run) -> None:
    result = invoke(*arguments, "--help")
    assert result.exit_code == 0
    assert f"Example: lookalike {' '.join(arguments)}" in result.stdout or (
        arguments == ["info"] and "lookalike info" in result.stdout
    )
    assert "--json" in result.stdout
    assert "--debug" in result.stdout


def test_no_command_shows_the_help(lookalike: Run) -> None:
    done = lookalike()
    assert done.returncode == 0
    assert "Commands:" in done.stdout
    assert done.stderr == ""


def test_version(lookalike: Run) -> None:
    assert lookalike("--version").stdout == f"{package.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["tuor"], "No such command 'tuor'"),
        (["tour", "--dota", "mnist"], "No such option"),
        (["tour", "--against", "faiss"], "'faiss' is not"),
        (["tour", "--n-jobs", "two"], "Invalid value for '--n-jobs'"),
        (["augment"], "Missing argument 'DATA'"),
        (["augment", "digits", "--out", __file__], "Invalid value for '--out'"),
        (["augment", "digits", "--save", "."], "Invalid value for '--save'"),
        (["train"], "Missing argument 'DATA'"),
        (["train", "digits", "--effort", "most"], "Invalid value for '--effort'"),
        (["train", "digits", "--quick", "--best"], "--quick and --best are given; give one"),
        (["tune"], "Missing argument 'DATA'"),
        (["tune", "digits", "--k", "0-3"], "Invalid value for '--k': '0-3'"),
        (["clean"], "Missing argument 'DATA'"),
        (["clean", "digits", "--out", __file__], "Invalid value for '--out'"),
        (["clean", "digits", "--train", "0"], "Invalid value for '--train'"),
        (["clean", "digits", "x.png", "--out", "x"], "say which noise the images have"),
        (["clean", "digits", "x.png", "--noise", "uniform:100"], "name a folder for the cleaned"),
        (["data", "fetch"], "Missing argument 'NAME'"),
        (["data", "drop"], "No such command 'drop'"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    arguments: list[str], said: str, run_main: Run
) -> None:
    done = run_main(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: ")
    assert said in done.stderr
    assert "--help" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        (["tour", "--data", "mnits"], {}, "did you mean 'mnist'?"),
        (["tour", "--data", "digits", "--n-jobs", "0"], {}, "n_jobs=0"),
        (["augment", "mnits"], {}, "did you mean 'mnist'?"),
        (
            ["augment", "digits", "--with", "Shift(1)"],
            {},
            "'Shift' is not the name of one; use Shifts",
        ),
        (["augment", "digits", "--with", "Shifts(8)"], {}, "give a reach of 1 to 7"),
        (["augment", "digits", "--save", "grown.npy"], {}, "grown.npy does not end in .npz"),
        (["augment", "digits", "--save", "no/grown.npz"], {}, "make it, or name another"),
        (["train", "mnits"], {}, "did you mean 'mnist'?"),
        (["train", "digits", "--n-jobs", "0"], {}, "n_jobs=0"),
        (["tune", "mnits"], {}, "did you mean 'mnist'?"),
        (
            ["tune", "digits", "--k", "1-2000"],
            {},
            "n_neighbors=1150 but the smallest training fold",
        ),
        (["tune", "digits", "--n-jobs", "0"], {}, "n_jobs=0"),
        (["data", "fetch", "mnits"], {}, "no data set 'mnits'"),
        (["info"], {"LOOKALIKE_CPU": "z80"}, "LOOKALIKE_CPU='z80'"),
        (["tour", "--data", "digits"], {"LOOKALIKE_CPU": "z80"}, "LOOKALIKE_CPU='z80'"),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_failure_is_one_line_and_exit_code_1(
    arguments: list[str],
    environment: dict[str, str],
    said: str,
    as_json: bool,
    invoke: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    result = invoke(*arguments, *(["--json"] if as_json else []))
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("error: ")
    assert said in result.stderr
    if as_json:
        assert result.stdout == ""


def test_unreadable_data_set_is_one_line(tmp_path: Path, invoke: Run) -> None:
    path = tmp_path / "broken.npz"
    path.write_bytes(b"no zip")
    result = invoke("tour", "--data", path)
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert str(path) in result.stderr


@pytest.mark.slow("starts a process")
def test_debug_shows_the_traceback(lookalike: Run) -> None:
    done = lookalike("tour", "--data", "mnits", "--debug")
    assert done.returncode == 1
    assert "Traceback (most recent call last)" in done.stderr
    assert "DatasetNotFoundError" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: ")


def test_unexpected_error_names_its_kind(monkeypatch: pytest.MonkeyPatch, invoke: Run) -> None:
    def fail() -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("lookalike.images.store.find_datasets", fail)
    result = invoke("data", "list")
    assert result.exit_code == 1
    assert result.stderr == "error: ZeroDivisionError: division by zero (--debug shows where)\n"


def test_warnings_are_notes_of_one_line(monkeypatch: pytest.MonkeyPatch, invoke: Run) -> None:
    import warnings

    def warn() -> list[object]:
        warnings.warn("images were\nresized", stacklevel=1)
        return []

    monkeypatch.setattr("lookalike.images.store.find_datasets", warn)
    result = invoke("data", "list", "--json")
    assert result.stderr == "note: images were resized\n"
    assert json.loads(result.stdout) == {"datasets": []}


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_ctrl_c_is_one_line_and_exit_code_130(tmp_path: Path) -> None:
    # A server that takes connections and never answers keeps the command waiting.
    with socket.create_server(("127.0.0.1", 0)) as server:
        program = WITH_MIRROR.format(url=f"http://127.0.0.1:{server.getsockname()[1]}/")
        process = subprocess.Popen(
            [*python(), "-c", program, "tour"],
            env={**os.environ, "LOOKALIKE_DATA": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        server.accept()
        pressed = time.monotonic()
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=20)
    assert time.monotonic() - pressed < 6  # the wait for an answer is 8 s
    assert process.returncode == 130
    assert stdout == ""
    assert stderr.splitlines()[1:] == ["error: interrupted"]  # the first says what is waited for


WITH_MIRROR = """
import dataclasses
from lookalike.cli.app import main
from lookalike.images.catalogue import CATALOGUE
CATALOGUE["mnist"] = dataclasses.replace(CATALOGUE["mnist"], mirrors=({url!r},))
main()
"""
