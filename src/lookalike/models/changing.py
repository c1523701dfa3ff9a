"""Changes of a model in its file: images are added and forgotten, all of it or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.images.exceptions import DatasetError, DatasetNotFoundError
from lookalike.images.files import counted, file_signature
from lookalike.images.originals import Originals, make_thumbnail
from lookalike.images.sources import Named, in_form
from lookalike.models.model import Model, open_model
from lookalike.models.safetensors_map import ModelError


@dataclass(frozen=True)
class Changed:
    """What was done to a model.

    `rows` are where the images stand now, or stood; `files` are the names of their files, where
    they are known; `n_samples` is the number of training images afterwards.
    """

    what: Literal["added", "forgotten"]
    rows: list[int]
    labels: list[str]
    files: list[str | None]
    new_classes: list[str]
    gone_classes: list[str]
    n_samples: int

    def to_dict(self) -> dict[str, Any]:
        """Return all of it for JSON."""
        images = zip(self.rows, self.files, self.labels, strict=True)
        return {
            self.what: [{"row": row, "file": file, "label": own} for row, file, own in images],
            "new_classes": self.new_classes,
            "gone_classes": self.gone_classes,
            "n_samples": self.n_samples,
        }


class NewImages(NamedTuple):
    """Images in a model's form, and what they were if any was read from a file of its own.

    For a model of vectors there are paths where files are known, which its network reads in turn.
    """

    images: NDArray[np.uint8] | list[Any]
    labels: list[str]
    originals: Originals | None


@contextmanager
def changed_in_place(path: Path, *, dry_run: bool = False) -> Iterator[Model]:
    """Open the model of a file, and save it there at the end; if the work fails, nothing changes.

    The errors are those of `open_model`; `ModelError` also if another program changed the file.
    """
    before = file_signature(path)
    model = open_model(path)
    yield model
    if dry_run:
        return
    if file_signature(path) != before:
        raise ModelError(f"{path} was changed by another program meanwhile; run the command again")
    model.save()


def bring_to_form(
    model: Model,
    pictures: Iterable[tuple[Named, str]],
    *,
    as_is: bool,
    skip_broken: bool = False,
    on_note: Callable[[str], None],
) -> NewImages:
    """Bring pictures, each with the name of its class, to the form of a model's images.

    Pictures that are `as_is` have that form already. `on_note` is called with doubts about a
    picture, and with those that `skip_broken` passes over.

    Raises
    ------
    DatasetError
        If a picture cannot be brought to the form, with all of these named; or if there is none.
    """
    images: list[Any] = []
    labels, names, thumbnails, failed = [], [], [], []
    size = (0, 0) if model.is_of_vectors else (model.image_shape[0], model.image_shape[1])
    for picture, label in pictures:
        try:
            image, doubt = in_form(picture, model.form, as_is=as_is)
        except ValueError as error:
            failed.append(error)
            continue
        if doubt is not None:
            on_note(f"{picture.name}: {doubt}")
        assert isinstance(picture.pixels, np.ndarray)
        images.append(picture.path if model.is_of_vectors and picture.path else image)
        labels.append(label)
        names.append("" if picture.path is None else f"{label}/{picture.path.name}")
        thumbnails.append(make_thumbnail(picture.pixels, size))
    if failed:
        on_note(_passed_over(failed, skip_broken=skip_broken))
    if not images:
        raise DatasetError("no picture was found; name others")
    made = images if model.is_of_vectors else np.stack(images)
    originals = Originals(names, thumbnails) if any(names) or model.is_of_vectors else None
    return NewImages(made, labels, originals)


def _passed_over(failed: Sequence[ValueError], *, skip_broken: bool) -> str:
    """Say what is passed over, or refuse it; a name that is wrong is no broken picture."""
    broken = [one for one in failed if not isinstance(one, DatasetNotFoundError)]
    n, why = counted(len(failed), "picture"), "; ".join(map(str, failed))
    if skip_broken and len(broken) == len(failed):
        return f"{n} passed over: {why}"
    cure = ". Mend or remove what is broken, or go on without it by --skip-broken"
    raise DatasetError(
        f"{n} cannot be added, and so none was: {why}{cure if broken and not skip_broken else ''}"
    )


def add_images(model: Model, new: NewImages, *, relearn: bool = True) -> Changed:
    """Add images to a model; ``relearn`` is that of `Model.add`."""
    before = model.class_names
    rows = model.add(new.images, new.labels, relearn=relearn, originals=new.originals)
    return _changed("added", rows, *_labels_and_files(model, rows), before, model)


def forget_rows(model: Model, ranges: Sequence[range], *, relearn: bool = True) -> Changed:
    """Take images out of a model; ``relearn`` is that of `Model.remove`.

    `ValueError` if there is no such row, or none would be left.
    """
    before, n = model.class_names, model.n_samples
    last = max(own.stop for own in ranges) - 1
    if last >= n:
        raise ValueError(
            f"there is no row {last:,}: {model.path} holds {counted(n, 'image')}, rows 0 to "
            f"{n - 1:,}"
        )
    rows = sorted({row for own in ranges for row in own})
    if len(rows) == n:
        raise ValueError(
            f"these are all {n:,} images of {model.path}, and a model needs one; delete the file "
            "instead"
        )
    labels, files = _labels_and_files(model, rows)
    model.remove(rows, relearn=relearn)
    return _changed("forgotten", rows, labels, files, before, model)


def _labels_and_files(model: Model, rows: Sequence[int]) -> tuple[list[str], list[str | None]]:
    return [model.label(row) for row in rows], [model.file(row) for row in rows]


def _changed(
    what: Literal["added", "forgotten"],
    rows: list[int],
    labels: list[str],
    files: list[str | None],
    before: list[str],
    model: Model,
) -> Changed:
    after = model.class_names
    new = [name for name in after if name not in before]
    gone = [name for name in before if name not in after]
    return Changed(what, rows, labels, files, new, gone, model.n_samples)
