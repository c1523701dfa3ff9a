"""``lookalike info``: what runs here and what data is at hand, or what a model file holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from lookalike.cli import options
from lookalike.cli.screen import Screen, one_line


@options.command
def info(screen: Screen, model: Annotated[Path | None, options.MODEL] = None) -> None:
    """Show versions, the CPU path in use, threads and data sets; of a model, what it holds.

    LOOKALIKE_CPU forces one of the available CPU paths; all of them give the same answers.

    Example: LOOKALIKE_CPU=portable lookalike info

    Or: lookalike info digits.lookalike
    """
    from lookalike.cli.data import datasets_table
    from lookalike.reports.blocks import Block, Heading, Section, Table
    from lookalike.reports.terminal import show

    more: list[Block] = []
    if model is None:
        facts = collect_facts()
        more = [Heading("data sets"), datasets_table(facts["datasets"])]
        table = Table(["", ""], _machine_rows(facts), "What runs here")
    else:
        options.check_is_file(model)
        facts = model_facts(model)
        table = Table(["", ""], _model_rows(facts), "What the model file holds")
    screen.result(facts)
    show([Section("Facts", [table, *more])], screen.out, titles=False)


def collect_facts() -> dict[str, Any]:
    """Return what ``info --json`` prints."""
    import os
    import platform
    from importlib.metadata import version

    from lookalike import __version__, _core
    from lookalike.cli.data import list_datasets
    from lookalike.images.store import cache_folder
    from lookalike.search.machine import VARIABLE, count_threads, cpu_path

    return {
        "lookalike": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(terse=True),
        "libraries": {name: version(name) for name in ("numpy", "scikit-learn")},
        "cpu_path": cpu_path(),
        "cpu_path_forced": os.environ.get(VARIABLE) or None,
        "cpu_paths": list(_core.available_cpu_paths()),
        "threads": count_threads(None),
        "cache_folder": str(cache_folder()),
        "lookalike_data": os.environ.get("LOOKALIKE_DATA") or None,
        "datasets": list_datasets(),
    }


def model_facts(path: Path) -> dict[str, Any]:
    """Return what ``info MODEL --json`` prints."""
    from lookalike.estimators.lookalike import LookalikeClassifier
    from lookalike.models.file import open_file
    from lookalike.models.model import Model
    from lookalike.models.safetensors_map import ModelError

    opened = open_file(path)
    estimator, form = opened.estimator, opened.form
    facts: dict[str, Any] = {
        "file": str(path),
        "bytes": path.stat().st_size,
        "format_version": opened.version,
        "lookalike": opened.description["library"],
        "source": opened.description["source"],
        "estimator": type(estimator).__name__,
        "parameters": {
            name: value if value is None or type(value) in (bool, int, float, str) else repr(value)
            for name, value in estimator.get_params(deep=False).items()
        },
        "as_python": one_line(repr(estimator)),
        "chosen": None,
        "features": None,
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
        if model.is_of_vectors:
            network = model.estimator.features_
            facts["features"] = {
                "network": Path(network.network).name,
                "sha256": network.digest_,
                "is_embedded": network.content_ is not None,
            }
        facts["chosen"] = f"{model.estimator.representation_}; {model.estimator.scoring_rule_}"
    return facts | {
        "n_samples": model.n_samples,
        "image_shape": list(model.image_shape),
        "classes": model.class_counts,
        "form": model.form.to_dict(),
    }


def _machine_rows(facts: dict[str, Any]) -> list[list[str]]:
    forced = facts["cpu_path_forced"]
    how = f"forced by LOOKALIKE_CPU={forced}" if forced else "the fastest here"
    paths = ", ".join(facts["cpu_paths"])
    libraries = ", ".join(f"{name} {version}" for name, version in facts["libraries"].items())
    return [
        ["lookalike", facts["lookalike"]],
        ["Python", f"{facts['python']}, {facts['platform']}"],
        ["libraries", libraries],
        ["CPU path", f"{facts['cpu_path']} ({how}; available: {paths})"],
        ["threads", str(facts["threads"])],
        ["cache folder", facts["cache_folder"]],
        ["$LOOKALIKE_DATA", facts["lookalike_data"] or "not set"],
    ]


def _model_rows(facts: dict[str, Any]) -> list[list[str]]:
    shape, counts = facts["image_shape"], facts["classes"]
    features = facts["features"]
    images = None if facts["n_samples"] is None else f"{facts['n_samples']:,}"
    if shape is not None:
        images = f"{images} of {' × '.join(map(str, shape))} pixels"
    if counts is not None:
        each = ", ".join(f"{name} ({n:,})" for name, n in counts.items())
        counts = f"{len(counts)}: {each}"
    rows = [
        ["model", facts["file"]],
        ["estimator", facts["as_python"]],
        ["chosen", facts["chosen"]],
        ["features", features and _network(features)],
        ["images", images],
        ["classes", counts],
        ["form", None if facts["form"] is None else _form(facts["form"])],
        ["source", facts["source"]],
        ["written by", f"lookalike {facts['lookalike']}, format {facts['format_version']}"],
        ["size", f"{facts['bytes'] / 2**20:,.1f} MiB"],
    ]
    return [row for row in rows if row[1] is not None]


def _network(features: dict[str, Any]) -> str:
    where = ", in the file" if features["is_embedded"] else ""
    return f"{features['network']}{where}, SHA-256 {features['sha256']}"


def _form(described: dict[str, Any]) -> str:
    """Return in words how pictures are brought to a model's form."""
    from lookalike.images.preprocessing import Form

    form = Form.from_dict(described)
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
