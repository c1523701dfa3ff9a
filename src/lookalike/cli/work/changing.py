"""The work of ``lookalike add`` and ``lookalike forget``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.text import Text

import lookalike
from lookalike.cli.jobs import one_line, say_note
from lookalike.cli.modelfile import changed_in_place
from lookalike.cli.screen import Bar, Screen
from lookalike.cli.work.rows import format_rows
from lookalike.images.arrays import read_npz
from lookalike.images.catalogue import CATALOGUE
from lookalike.images.dataset import is_picture_folder, load_dataset
from lookalike.images.errors import DatasetError, DatasetNotFoundError
from lookalike.images.files import counted
from lookalike.images.layout import lay_out
from lookalike.images.originals import Originals, make_thumbnail
from lookalike.images.raw import as_images, check_labels, encode_labels
from lookalike.images.sources import (
    Bytes,
    Findings,
    Named,
    Source,
    find_sources,
    in_form,
    read_source,
)
from lookalike.models.model import Model

_MOST_NAMED = 5  # files


class Changed(NamedTuple):
    """What was done to a model.

    Attributes
    ----------
    what : {"added", "forgotten"}
    rows : list of int
        Where the images stand now, or stood.
    labels : list of str
        Theirs.
    files : list of str or None
        What their files are called, where that is known.
    new_classes, gone_classes : list of str
    n_samples : int
        Training images afterwards.
    dry_run : bool
        The file was left as it is.
    """

    path: Path
    what: str
    rows: list[int]
    labels: list[str]
    files: list[str | None]
    new_classes: list[str]
    gone_classes: list[str]
    n_samples: int
    dry_run: bool

    def report(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        return {
            "lookalike": lookalike.__version__,
            "model": str(self.path),
            self.what: [
                {"row": row, "file": file, "label": label}
                for row, file, label in zip(self.rows, self.files, self.labels, strict=True)
            ],
            "new_classes": self.new_classes,
            "gone_classes": self.gone_classes,
            "n_samples": self.n_samples,
            "dry_run": self.dry_run,
        }

    def show(self, screen: Screen) -> None:
        """Print what was done."""
        counts = Counter(self.labels)
        of = ", ".join(f"{n:,} of {label}" for label, n in sorted(counts.items()))
        done = f"{self.what.capitalize()}: {counted(len(self.rows), 'image')} ({of})"
        row = "row" if len(self.rows) == 1 else "rows"
        where = f"{row} {format_rows(self.rows)}"
        screen.out.print(Text(f"{done}, {where}"), soft_wrap=True)
        if known := [file for file in self.files if file is not None]:
            more = f" and {len(known) - _MOST_NAMED:,} more" if len(known) > _MOST_NAMED else ""
            screen.out.print(
                Text(one_line(f"{', '.join(known[:_MOST_NAMED])}{more}"), style="dim"),
                soft_wrap=True,
            )
        if self.new_classes:
            screen.out.print(Text(f"New: {', '.join(self.new_classes)}"), soft_wrap=True)
        if self.gone_classes:
            gone = f"Gone, for want of images: {', '.join(self.gone_classes)}"
            screen.out.print(Text(gone), soft_wrap=True)
        now = f"{self.path} holds {counted(self.n_samples, 'image')} now"
        if self.dry_run:
            now = (
                f"{self.path} would hold {counted(self.n_samples, 'image')}; nothing was changed "
                "(--dry-run)"
            )
        screen.out.print(Text(now), soft_wrap=True)


def add_images(
    path: Path,
    data: Sequence[str],
    label: str | None,
    *,
    as_is: bool,
    skip_broken: bool,
    relearn: bool,
    dry_run: bool,
    bar: Bar,
    watched: bool,
) -> Changed:
    """Add images to the model of a file; the parameters are those of ``lookalike add``."""
    bar.start("opening the model")
    with changed_in_place(path, dry_run=dry_run) as model:
        before = model.class_names
        bar.start("reading images")
        images, labels, names, thumbnails, failed = [], [], [], [], []
        size = model.image_shape[0], model.image_shape[1]
        enough = None if as_is else model.form.least_size
        for picture, own in _labelled(data, label, enough, watched=watched, bar=bar):
            try:
                image, doubt = in_form(picture, model.form, as_is=as_is)
            except ValueError as error:
                failed.append(error)
                continue
            if doubt is not None:
                say_note(f"{picture.name}: {doubt}")
            assert isinstance(picture.pixels, np.ndarray)
            images.append(image)
            labels.append(own)
            names.append("" if picture.path is None else f"{own}/{picture.path.name}")
            thumbnails.append(make_thumbnail(picture.pixels, size))
        _tell_failed(failed, skip_broken=skip_broken)
        if not images:
            raise DatasetError(f"{', '.join(data)}: no picture was found; name others")
        bar.start("learning")
        rows = model.add(
            np.stack(images),
            labels,
            relearn=relearn and not dry_run,
            originals=Originals(names, thumbnails) if any(names) else None,
        )
        labels, files = _what_stands(model, rows)
        changed = _changed(path, "added", rows, labels, files, before, model, dry_run=dry_run)
        bar.start("saving the model")
    return changed


def forget_rows(
    path: Path, ranges: Sequence[range], *, relearn: bool, dry_run: bool, bar: Bar
) -> Changed:
    """Take images out of the model of a file; the parameters are those of ``lookalike forget``."""
    bar.start("opening the model")
    with changed_in_place(path, dry_run=dry_run) as model:
        before, n = model.class_names, model.n_samples
        last = max(own.stop for own in ranges) - 1
        if last >= n:
            raise ValueError(
                f"there is no row {last:,}: {path} holds {counted(n, 'image')}, rows 0 to {n - 1:,}"
            )
        rows = sorted({row for own in ranges for row in own})
        if len(rows) == n:
            raise ValueError(
                f"these are all {n:,} images of {path}, and a model needs one; delete the file "
                "instead"
            )
        labels, files = _what_stands(model, rows)
        bar.start("learning")
        model.remove(rows, relearn=relearn and not dry_run)
        changed = _changed(path, "forgotten", rows, labels, files, before, model, dry_run=dry_run)
        bar.start("saving the model")
    return changed


def _what_stands(model: Model, rows: Sequence[int]) -> tuple[list[str], list[str | None]]:
    return [model.label(row) for row in rows], [model.file(row) for row in rows]


def _changed(
    path: Path,
    what: str,
    rows: list[int],
    labels: list[str],
    files: list[str | None],
    before: list[str],
    model: Model,
    *,
    dry_run: bool,
) -> Changed:
    after = model.class_names
    return Changed(
        path=path,
        what=what,
        rows=rows,
        labels=labels,
        files=files,
        new_classes=[name for name in after if name not in before],
        gone_classes=[name for name in before if name not in after],
        n_samples=model.n_samples,
        dry_run=dry_run,
    )


def _tell_failed(failed: Sequence[ValueError], *, skip_broken: bool) -> None:
    """Refuse or tell pictures that cannot be added; a name that is wrong is no broken picture."""
    broken = [one for one in failed if not isinstance(one, DatasetNotFoundError)]
    if not failed:
        return
    if skip_broken and len(broken) == len(failed):
        say_note(f"{counted(len(broken), 'picture')} passed over: {'; '.join(map(str, broken))}")
        return
    cure = ". Mend or remove what is broken, or go on without it by --skip-broken"
    raise DatasetError(
        f"{counted(len(failed), 'picture')} cannot be added, and so none was: "
        f"{'; '.join(map(str, failed))}{cure if broken and not skip_broken else ''}"
    )


def _labelled(
    data: Sequence[str],
    label: str | None,
    enough: tuple[int, int] | None,
    *,
    watched: bool,
    bar: Bar,
) -> Iterator[tuple[Named, str]]:
    """Read the images that were named, one after the other, with their labels."""
    findings = Findings()
    if label is not None:
        named = [(source, label) for source in find_sources(data, findings.left_out)]
        yield from _read_all(named, findings, enough, bar)
        return
    (name,) = data
    path = Path(name).expanduser()
    if name in ("digits", *CATALOGUE) or not path.exists():
        images, labels = _from_dataset(name, watched=watched)
    elif is_picture_folder(path):
        layout = lay_out(path)
        for note in layout.notes:
            say_note(note)
        files = layout.parts["train"]
        yield from _read_all(
            [(Source(str(file), file, False), own) for own, file in files], findings, enough, bar
        )
        return
    elif path.suffix == ".npz":
        images, labels = _from_npz(path, watched=watched)
    else:
        images, labels = _from_dataset(name, watched=watched)
    for i, (image, own) in enumerate(zip(images, labels, strict=True)):
        bar(i, len(images))
        yield Named(f"{name}[{i}]", image), own


def _from_dataset(name: str, *, watched: bool) -> tuple[Bytes, list[str]]:
    dataset = load_dataset(name, progress=watched)
    train = dataset.train
    return train.images, [dataset.class_names[code] for code in train.labels]


def _from_npz(path: Path, *, watched: bool) -> tuple[Bytes, list[str]]:
    """Return all images of a file that has no test images of its own, else those to train with."""
    raw = read_npz(path)
    if raw.test is not None:
        return _from_dataset(str(path), watched=watched)
    images = as_images(raw.train.images, raw.train.where)
    found = check_labels(raw.train.labels, len(images), raw.train.where)
    (codes,), names = encode_labels([found], raw.class_names, raw.source)
    return images, [names[code] for code in codes]


def _read_all(
    sources: Sequence[tuple[Source, str]],
    findings: Findings,
    enough: tuple[int, int] | None,
    bar: Bar,
) -> Iterator[tuple[Named, str]]:
    for done, (source, label) in enumerate(sources):
        bar(done, len(sources))
        for picture in read_source(source, findings, least_size=enough):
            yield picture, label
    for note in findings.notes():
        say_note(note)
