"""What a model file holds, for ``lookalike info MODEL``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from lookalike.cli.screen import Screen
from lookalike.estimators.lookalike import LookalikeClassifier
from lookalike.images.form import Form
from lookalike.models.errors import ModelError
from lookalike.models.file import open_file
from lookalike.models.model import Model


def describe(path: Path) -> dict[str, Any]:
    """Return what a model file holds, for JSON.

    Raises
    ------
    ModelError, OSError
        As `load_model`.
    """
    opened = open_file(path)
    estimator, form = opened.estimator, opened.form
    facts: dict[str, Any] = {
        "file": str(path),
        "bytes": path.stat().st_size,
        "format_version": opened.version,
        "lookalike": opened.description["library"],
        "source": opened.description["source"],
        "estimator": type(estimator).__name__,
        "parameters": {name: _plain(value) for name, value in _parameters(estimator).items()},
        "as_python": " ".join(repr(estimator).split()),
        "chosen": None,
        "n_samples": getattr(estimator, "n_samples_fit_", None),
        "image_shape": None,
        "classes": None,
        "form": None if form is None else form.to_dict(),
    }
    try:
        model = Model(estimator, form=form)
    except ModelError:  # no classifier of images, which may be in a file as well
        return facts
    if isinstance(model.estimator, LookalikeClassifier):
        facts["chosen"] = f"{model.estimator.recipe_}; {model.estimator.reading_}"
    return facts | {
        "n_samples": model.n_samples,
        "image_shape": list(model.image_shape),
        "classes": model.class_counts,
        "form": model.form.to_dict(),
    }


def show(facts: dict[str, Any], screen: Screen) -> None:
    """Print what `describe` found."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold")
    grid.add_column()
    rows = {
        "model": facts["file"],
        "estimator": facts["as_python"],
        "chosen": facts["chosen"],
        "images": None if facts["n_samples"] is None else _images(facts),
        "classes": None if facts["classes"] is None else _classes(facts["classes"]),
        "form": None if facts["form"] is None else _form(Form.from_dict(facts["form"])),
        "source": facts["source"],
        "written by": f"lookalike {facts['lookalike']}, format {facts['format_version']}",
        "size": f"{facts['bytes'] / 2**20:,.1f} MiB",
    }
    for title, text in rows.items():
        if text is not None:
            grid.add_row(title, Text(text))
    screen.out.print(grid)


def _parameters(estimator: Any) -> dict[str, Any]:
    return dict(estimator.get_params(deep=False))


def _plain(value: Any) -> Any:
    return value if value is None or type(value) in (bool, int, float, str) else repr(value)


def _images(facts: dict[str, Any]) -> str:
    said = f"{facts['n_samples']:,}"
    shape = facts["image_shape"]
    return said if shape is None else f"{said} of {' × '.join(map(str, shape))} pixels"


def _classes(counts: dict[str, int]) -> str:
    each = ", ".join(f"{name} ({n:,})" for name, n in counts.items())
    return f"{len(counts)}: {each}"


def _form(form: Form) -> str:
    if form.strokes is None:
        how = {
            "pad": f"scaled to fit into the frame, with {form.ground} of 255 beside them",
            "crop": "scaled to cover the frame, and cut to it",
            "stretch": "stretched to the frame",
        }
        return f"pictures are {how[form.fit]}"
    strokes = form.strokes
    middle = "centre of mass" if strokes.centre == "mass" else "middle of its box"
    down, right = strokes.at
    return (
        f"the ink of pictures is cut out, scaled to {strokes.side} pixels, its {middle} laid at "
        f"({down:.1f}, {right:.1f}); ink {strokes.value} on {form.ground}"
    )
