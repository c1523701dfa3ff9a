"""Labelled pictures that a user names: a data set, or pictures of one class."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from lookalike.images.arrays import read_npz
from lookalike.images.catalogue import CATALOGUE
from lookalike.images.checks import as_images, check_labels, encode_labels
from lookalike.images.dataset import is_picture_folder, load_dataset
from lookalike.images.folder_layout import lay_out
from lookalike.images.progress import Progress
from lookalike.images.sources import Bytes, Findings, Named, Source, find_sources, read_source


def read_labelled(
    data: Sequence[str],
    label: str | None,
    *,
    least_size: tuple[int, int] | None = None,
    watched: bool = False,
    progress: Progress = lambda done, total: None,
    on_note: Callable[[str], None],
) -> Iterator[tuple[Named, str]]:
    """Read labelled pictures one after the other.

    Parameters
    ----------
    data : sequence of str
        Without a label one data set, as `load_dataset` takes it: its training images, or all of a
        file that has no test images of its own. With a label pictures, as of `find_sources`.
    label : str or None
        The class of all of them.
    least_size : tuple of int, optional
        See `read_picture`.
    watched : bool, default=False
        Whether to show the progress of a download.
    progress : callable
        Called as ``progress(done, total)``.
    on_note : callable
        Called with remarks about the files.

    Yields
    ------
    picture : Named
    label : str
        The name of its class.

    Raises
    ------
    DatasetError
        As `load_dataset`.
    """
    path = Path(data[0]).expanduser()
    is_known = data[0] in ("digits", *CATALOGUE) or not path.exists()
    if label is not None or (not is_known and is_picture_folder(path)):
        findings = Findings()
        if label is not None:
            sources = [(source, label) for source in find_sources(data, findings.left_out)]
        else:
            layout = lay_out(path)
            for note in layout.notes:
                on_note(note)
            files = layout.parts["train"]
            sources = [(Source(str(file), file, False), own) for own, file in files]
        for done, (source, own) in enumerate(sources):
            progress(done, len(sources))
            for picture in read_source(source, findings, least_size=least_size):
                yield picture, own
        for note in findings.notes():
            on_note(note)
        return
    is_file = not is_known and path.suffix == ".npz"
    images, labels = _read_npz(path) if is_file else (None, [])
    if images is None:
        dataset = load_dataset(data[0], progress=watched)
        images = dataset.train.images
        labels = [dataset.class_names[code] for code in dataset.train.labels]
    for i, (image, own) in enumerate(zip(images, labels, strict=True)):
        progress(i, len(images))
        yield Named(f"{data[0]}[{i}]", image), own


def _read_npz(path: Path) -> tuple[Bytes | None, list[str]]:
    """Return all images of a file; None if it has test images of its own."""
    raw = read_npz(path)
    if raw.test is not None:
        return None, []
    images = as_images(raw.train.images, raw.train.where)
    found = check_labels(raw.train.labels, len(images), raw.train.where)
    (codes,), names = encode_labels([found], raw.class_names, raw.source)
    return images, [names[code] for code in codes]
