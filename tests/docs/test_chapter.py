"""The chapter: it runs, does the exercises in fewer than 15 lines, and says what is so."""

from __future__ import annotations

import ast
import contextlib
import io
import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot

from lookalike import KNeighborsClassifier, Shifts, expand

# Pictures are drawn, and shown to nobody.
pytestmark = pytest.mark.filterwarnings("ignore:FigureCanvasAgg is non-interactive")

CHAPTER = Path(__file__).parents[2] / "docs" / "chapter.ipynb"
SECONDS = re.compile(r"[\d.]+ CPU s")


class Cell(NamedTuple):
    source: str
    is_exercise: bool
    stored: str  # what it printed when it was last saved


def read() -> dict[str, Any]:
    notebook: dict[str, Any] = json.loads(CHAPTER.read_text(encoding="utf-8"))
    return notebook


def code_cells() -> list[Cell]:
    return [
        Cell(
            "".join(cell["source"]),
            "exercise" in cell["metadata"].get("tags", []),
            "".join("".join(out["text"]) for out in cell["outputs"] if "text" in out),
        )
        for cell in read()["cells"]
        if cell["cell_type"] == "code"
    ]


def execute(data_name: str) -> tuple[dict[str, Any], list[str]]:
    """Run all code as a notebook would; return the variables and what each cell printed."""
    variables: dict[str, Any] = {"__name__": "__main__"}
    printed = []
    matplotlib.use("Agg")
    for cell in code_cells():
        source = cell.source.replace('load_dataset("mnist")', f'load_dataset("{data_name}")')
        with contextlib.redirect_stdout(io.StringIO()) as out:
            exec(compile(source, str(CHAPTER), "exec"), variables)
        printed.append(out.getvalue())
    pyplot.close("all")
    return variables, printed


@pytest.fixture(scope="module")
def on_digits() -> tuple[dict[str, Any], list[str]]:
    return execute("digits")


def check(variables: dict[str, Any]) -> None:
    data, accuracy, grown = (variables[name] for name in ("data", "accuracy", "shifted_accuracy"))
    labels = data.test.labels
    assert accuracy == np.mean(variables["before"] == labels)
    assert grown == np.mean(variables["after"] == labels)
    if accuracy < 1:
        assert variables["drop"] == pytest.approx(variables["gain"].value)
    assert variables["shifted"].best_estimator_.augmentation == Shifts(1)


def test_it_is_a_notebook() -> None:
    notebook = read()
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids)
    for cell in notebook["cells"]:
        needed = {"cell_type", "id", "metadata", "source"}
        if cell["cell_type"] == "code":
            needed |= {"execution_count", "outputs"}
        assert set(cell) == needed
    assert CHAPTER.stat().st_size < 300_000  # the outputs kept in it are small


def test_exercises_take_fewer_than_15_lines() -> None:
    exercises = [cell.source for cell in code_cells() if cell.is_exercise]
    assert all(source.startswith("# exercise\n") for source in exercises)
    lines = [line for source in exercises for line in source.splitlines()]
    lines = [line for line in lines if line.strip() and not line.startswith("#")]
    assert len(lines) < 15
    assert max(map(len, lines)) <= 100
    # and they need none of the other cells
    program = "\n".join(lines)
    names = {node.id for node in ast.walk(ast.parse(program)) if isinstance(node, ast.Name)}
    with contextlib.redirect_stdout(io.StringIO()) as out:
        variables: dict[str, Any] = {}
        exec(program.replace('"mnist"', '"digits"'), variables)
    assert out.getvalue().count("\n") == 2
    assert names & set(variables) >= {"accuracy", "shifted_accuracy", "drop"}


def test_it_runs_on_digits(on_digits: tuple[dict[str, Any], list[str]]) -> None:
    variables, printed = on_digits
    assert len(variables["data"].train) == 1437
    check(variables)
    assert all(SECONDS.search(text) for text in printed if "scikit-learn: " in text)
    assert variables["found"].accuracy > 0.7  # of texts
    np.testing.assert_array_equal(variables["their_labels"], variables["our_labels"])
    assert sum("the same pixels: True" in text for text in printed) == 2
    assert variables["by_matching"].accuracy > variables["nearest"].score(
        variables["test"].images, variables["test"].labels
    )
    assert variables["sgd_90"].promise_.precision >= 0.9


@pytest.mark.slow("goes through the whole chapter on MNIST")
@pytest.mark.mnist
def test_on_mnist_it_says_what_is_so() -> None:
    variables, printed = execute("mnist")
    check(variables)
    assert variables["accuracy"] == 0.9714 > 0.97
    assert variables["search"].best_params_ == {"n_neighbors": 4, "weights": "distance"}
    # by 4 or 5 neighbours among the 300,000 images themselves
    assert variables["shifted_accuracy"] in (0.9763, 0.9766)
    assert variables["gain"].low > 0
    for text, cell in zip(printed, code_cells(), strict=True):
        assert SECONDS.sub("", text) == SECONDS.sub("", cell.stored)


def test_grown_without_copies_it_answers_as_with_them(
    on_digits: tuple[dict[str, Any], list[str]],
) -> None:
    variables, _ = on_digits
    data, shifted = variables["data"], variables["shifted"]
    images, labels = expand(data.train.images, data.train.labels, Shifts(1))
    plain = KNeighborsClassifier(**shifted.best_params_).fit(images, labels)
    np.testing.assert_array_equal(plain.predict(data.test.images), variables["after"])
