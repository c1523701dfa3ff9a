"""What model files hold: the names that today's are written with, and what is told of kept ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from safetensors import safe_open
from tests.golden.plain import plain, pretty
from tests.models.make_files import FILES, save_kinds
from typer.testing import CliRunner

from lookalike.cli.app import app
from lookalike.models.class_registry import _PLACES, MODELS

Golden = Callable[[str, str], None]


def test_names_that_are_stored(golden: Golden, tmp_path: Path) -> None:
    names: dict[str, set[str]] = {name: set() for name in _PLACES}
    for path in save_kinds(tmp_path):
        with safe_open(path, "numpy") as file:
            metadata = file.metadata()
        description = json.loads(metadata.pop("description"))
        names["(the file)"] = {*metadata, "description"}
        names["(its description)"] = {*description}
        for name, attributes in stored(description["estimator"]):
            names[name].update(attributes)
    lines = [
        f"{name}{' (a model)' if name in MODELS else ''}: {' '.join(sorted(names[name]))}".rstrip()
        for name in sorted(names)
    ]
    golden("stored-names.txt", "\n".join(lines) + "\n")


def stored(state: Any) -> Iterator[tuple[str, list[str]]]:
    """Find the classes that a description names, with their attributes."""
    if isinstance(state, list):
        for own in state:
            yield from stored(own)
    elif isinstance(state, dict):
        if "$object" in state:
            yield state["$object"], list(state["state"])
        elif "$named" in state:
            yield state["$named"], [f"({len(state['values'])} values)"]
        for own in state.values():
            yield from stored(own)


def test_what_is_told_of_kept_files(golden: Golden) -> None:
    told = {}
    for path in sorted(FILES.glob("*.lookalike")):
        done = CliRunner().invoke(app, ["info", str(path), "--json"])
        assert done.exit_code == 0, done.stderr
        told[path.stem] = json.loads(done.stdout) | {"file": path.name}
    golden("kept-models.json", pretty(plain(told)) + "\n")
