"""The options of DATA: that each command takes them, and that they reach `load_dataset`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from lookalike.cli.add import format_rows
from lookalike.cli.compare import parse_names
from lookalike.cli.forget import parse_rows
from lookalike.cli.options import DataName, parse_size, parse_test_size
from lookalike.cli.tour.classifying import accuracy_text
from lookalike.evaluation.metrics.intervals import Accuracy
from lookalike.images import dataset
from lookalike.images.exceptions import DatasetError
from lookalike.images.preprocessing import Form

COMMANDS = {
    "train": ["x"],
    "tune": ["x"],
    "evaluate": ["x"],
    "compare": ["x"],
    "augment": ["x"],
    "clean": ["x", "--noise", "gaussian:9"],
    "audit": ["x"],
    "tour": ["--data", "x"],
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("given", "reached"),
    [
        (["--size", "24x40"], {"image_shape": (24, 40)}),
        (["--size", "48"], {"image_shape": (48, 48)}),
        (["--fit", "crop"], {"fit": "crop"}),
        (["--test-size", "0"], {"test_size": 0}),
        (["--test-size", "0.25"], {"test_size": 0.25}),
        (["--skip-broken"], {"skip_broken": True}),
    ],
)
def test_each_option_of_each_command_reaches_the_reader(
    command: str,
    given: list[str],
    reached: dict[str, Any],
    invoke: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[dict[str, Any]] = []

    def load(name: str, **options: Any) -> None:
        asked.append({"name": name, **options})
        raise DatasetError("seen")

    monkeypatch.setattr(dataset, "load_dataset", load)
    result = invoke(command, *COMMANDS[command], *given)
    assert (result.exit_code, asked[0]["name"]) == (1, "x"), result.stderr
    assert {key: asked[0][key] for key in reached} == reached
    kept = {"image_shape", "fit", "test_size", "skip_broken"} - reached.keys()
    by_command = {"test_size", "skip_broken"} if command == "audit" else set()
    assert not asked[0].keys() & (kept - by_command)


@pytest.mark.parametrize(
    "text", ["", "0", "x", "48x", "x48", "48x0", "-3", "4.5", "3x4x3", "99999"]
)
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is no size; give 64, or height x width as 48x64"):
        parse_size(text)


@pytest.mark.parametrize("text", ["", "-1", "1.0", "1.5", "0.0", "x", "20%", "1e-1", "nan", "²"])
def test_what_is_no_test_size(text: str) -> None:
    with pytest.raises(typer.BadParameter, match=r"neither a number of pictures, .* nor a share"):
        parse_test_size(text)


def test_what_options_are_read_as() -> None:
    assert (parse_size("64"), parse_size("48x64")) == ((64, 64), (48, 64))
    assert (parse_test_size("0"), parse_test_size("0.25")) == (0, 0.25)
    assert parse_names("knn, dummy,knn") == ["knn", "dummy"]
    assert parse_rows(["17", "3-9,1"]) == [range(17, 18), range(3, 10), range(1, 2)]
    assert format_rows([1, 4, 20, 21, 22]) == "1,4,20-22"


def test_an_accuracy_in_words() -> None:
    said = accuracy_text(Accuracy(0.75, 0.2165, 3, 4), "by k = 1")
    assert said == "accuracy 0.7500 ± 0.2165 (standard error) by k = 1: 3 of 4 right"


def test_a_model_and_a_network_have_their_own_form(tmp_path: Path) -> None:
    for how in ({"form": Form((8, 8), 0, None)}, {"features": "efficientnet-lite0"}):
        with pytest.raises(DatasetError, match=r"--size and --fit\) have no part here"):
            DataName(str(tmp_path), fit="crop").load(**how)


def test_fewer_classes_than_a_command_needs() -> None:
    with pytest.raises(DatasetError, match="but this takes at least"):
        DataName("digits").load(least_classes=11)
