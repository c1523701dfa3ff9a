"""Make the model files of this format version that tests keep for ever.

python tests/models/make_files.py

For a new version of the format, run this once and keep what it wrote beside the older files; these
are never written again.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from lookalike import KNeighborsClassifier, LookalikeClassifier, Shifts, load_dataset, save_model
from lookalike.images.form import learn_form
from lookalike.images.originals import Originals, make_thumbnail
from lookalike.models.file import VERSION, load_model

FILES = Path(__file__).parent / "files"


def main() -> None:
    digits = load_dataset("digits")
    images, names = digits.train.images[:36], np.array(digits.class_names)[digits.train.labels[:36]]
    queries = digits.test.images[:20]
    estimators = {
        "votes": KNeighborsClassifier(3, weights="distance", augmentation=Shifts(1)),
        "matches": LookalikeClassifier("fast"),
    }
    FILES.mkdir(exist_ok=True)
    for name, estimator in estimators.items():
        path = FILES / f"lookalike-{'.'.join(map(str, VERSION))}-{name}.lookalike"
        if path.exists():
            raise SystemExit(f"{path} is there already, and is never written again")
        save_model(
            estimator.fit(images, names),
            path,
            source="digits",
            form=learn_form(images),
            originals=Originals(
                [f"{name}/{i}.png" for i, name in enumerate(names)],
                [
                    make_thumbnail(np.kron(image, np.ones((2, 2), np.uint8)), (8, 8))
                    for image in images
                ],
            ),
        )
        loaded = load_model(path)
        kept = {
            "queries": queries.tolist(),
            "classes": loaded.classes_.tolist(),
            "predict": loaded.predict(queries).tolist(),
            "predict_proba": loaded.predict_proba(queries).tolist(),
            "indices": loaded.explain(queries).indices.tolist(),
        }
        path.with_suffix(".json").write_text(json.dumps(kept), encoding="utf-8")


if __name__ == "__main__":
    main()
