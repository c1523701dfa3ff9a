"""Make the model files of this format version that tests keep for ever.

python tests/models/make_files.py

For a new version of the format, or a new kind of estimator, run this once and keep what it wrote
beside the older files; these are never written again. A file has the oldest version that can hold
what is in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any

import numpy as np
from tests.features.networks import write_means

from lookalike import (
    ElasticWarps,
    Flips,
    KNeighborsClassifier,
    KNeighborsDenoiser,
    KNeighborsRegressor,
    KNeighborsSearchCV,
    LookalikeClassifier,
    NearestNeighbors,
    Rotations,
    Shifts,
    Softmax,
    UniformNoise,
    load_dataset,
    save_model,
)
from lookalike.images.originals import Originals, make_thumbnail
from lookalike.images.preprocessing import learn_form
from lookalike.matching.axes import WithinClassWhitening
from lookalike.matching.features import OrientedGradients
from lookalike.matching.stroke_normalization import NormalizeStroke
from lookalike.matching.vectors import NormalizeVectors
from lookalike.models.file import load_model

FILES = Path(__file__).parent / "files"
METHODS = ("kneighbors", "predict", "predict_proba", "transform")
CLASSIFIERS = ("votes", "matches")
"""The kinds that classify images, of which more is kept."""

OF_VECTORS = ("vectors", "features", "normalizer")
"""The kinds that version 1.2 is for."""

OF_ROWS = ("rows", "whitening", "vectors", "normalizer")
"""The kinds that take rows of numbers."""

digits = load_dataset("digits")
IMAGES, LABELS = digits.train.images[:36], digits.train.labels[:36]
NAMES = np.array(digits.class_names)[LABELS]


def save_kinds(folder: Path) -> Iterator[Path]:
    """Save an estimator of each kind to a folder, but for those that lie there already."""
    rows = IMAGES.reshape(36, -1) - IMAGES.reshape(36, -1).mean(axis=0)
    turned = Flips() * Rotations([10]) + ElasticWarps(1)
    grid = {"n_neighbors": [1, 3], "weights": ["uniform", Softmax(2)]}
    noise = UniformNoise(0, 6)
    kinds: dict[str, tuple[Any, tuple[Any, ...], dict[str, Any]]] = {
        "votes": (
            KNeighborsClassifier(3, weights="distance", augmentation=Shifts(1)),
            (IMAGES, NAMES),
            {},
        ),
        "matches": (LookalikeClassifier("fast"), (IMAGES, NAMES), {}),
        "rows": (NearestNeighbors(n_neighbors=3), (rows,), {}),
        "values": (KNeighborsRegressor(3, augmentation=turned), (IMAGES, LABELS), {}),
        "search": (KNeighborsSearchCV(KNeighborsClassifier(), grid, cv=2), (IMAGES, NAMES), {}),
        "denoiser": (
            KNeighborsDenoiser(12, quality="fast", random_state=0, n_jobs=1),
            (),
            {"clean": IMAGES, "noise": noise},
        ),
        "strokes": (NormalizeStroke(), (IMAGES,), {}),
        "gradients": (OrientedGradients(4, n_cells=3), (IMAGES,), {}),
        "whitening": (WithinClassWhitening(), (rows, LABELS), {}),
        "vectors": (LookalikeClassifier("fast"), (rows, NAMES), {}),
        "features": (
            LookalikeClassifier("fast", features="means.onnx"),
            (coloured(IMAGES), NAMES),
            {},
        ),
        "normalizer": (NormalizeVectors(), (rows,), {}),
    }
    if not (folder / "means.onnx").exists():
        write_means(folder / "means.onnx")
    for name, (estimator, given, named) in kinds.items():
        version = "1.2" if name in OF_VECTORS else "1.1"
        path = folder / f"lookalike-{version}-{name}.lookalike"
        if path.exists():
            continue
        with chdir(folder):
            estimator.fit(*given, **named)
        if name in CLASSIFIERS:
            shown = np.kron(IMAGES, np.ones((2, 2), np.uint8))
            files = [f"{name}/{i}.png" for i, name in enumerate(NAMES)]
            originals = Originals(files, [make_thumbnail(image, (8, 8)) for image in shown])
            form = learn_form(IMAGES)
            save_model(estimator, path, source="digits", form=form, originals=originals)
        else:
            save_model(estimator, path, source="digits")
        yield path


def coloured(images: Any) -> Any:
    """Return digits, 0 to 16, as pictures with three channels that differ."""
    return images[..., np.newaxis] * np.array([15, 9, 4], np.uint8)


def answers(estimator: Any, queries: Any) -> dict[str, Any]:
    """Return what an estimator says of images or rows, as JSON can hold it."""
    told = {name: getattr(estimator, name)(queries) for name in METHODS if hasattr(estimator, name)}
    return {
        name: [np.asarray(part).tolist() for part in (said if type(said) is tuple else (said,))]
        for name, said in told.items()
    }


def main() -> None:
    FILES.mkdir(exist_ok=True)
    for path in save_kinds(FILES):
        loaded = load_model(path)
        queries = digits.test.images[:20]
        if path.stem.endswith(OF_ROWS):
            queries = queries.reshape(20, -1) - 8.0
        elif path.stem.endswith("features"):
            queries = coloured(queries)[:5]
        kept = {"queries": queries.tolist()}
        if path.stem.rpartition("-")[2] in CLASSIFIERS:
            kept |= {
                "classes": loaded.classes_.tolist(),
                "predict": loaded.predict(queries).tolist(),
                "predict_proba": loaded.predict_proba(queries).tolist(),
                "indices": loaded.explain(queries).indices.tolist(),
            }
        else:
            kept["answers"] = answers(loaded, queries[:5])
        path.with_suffix(".json").write_text(json.dumps(kept), encoding="utf-8")


if __name__ == "__main__":
    main()
