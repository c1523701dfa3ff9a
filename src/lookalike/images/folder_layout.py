"""Which files of a folder are pictures of which class and part.

A data set of pictures is a folder with a sub-folder for each class, or with sub-folders for its
parts (train and test, or as they are usually called), each with one for each class.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from lookalike.images.exceptions import DatasetError
from lookalike.images.files import (
    called_a_picture,
    counted,
    files_below,
    list_folder,
    told_left_out,
)

_PARTS = {
    "train": {"train", "training", "trainset"},
    "test": {"test", "testing", "testset"},
    "val": {"val", "valid", "validation", "dev"},
}
"""Words in the names of parts, in lower case: ``Train``, ``test_set``, ``letters-validation``."""


@dataclass
class Layout:
    """The files of each part and class of a folder.

    Attributes
    ----------
    parts : dict of str to list of (class name, path)
        "train", and "test" if the folder has such a part.
    class_names : tuple of str
        In the order of their names, numbers by their value.
    notes : list of str
        What a user should know.
    """

    parts: dict[str, list[tuple[str, Path]]]
    class_names: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)


def lay_out(folder: Path) -> Layout:
    """Return which files of a folder belong to which part and class.

    Raises
    ------
    DatasetError
        If the folder has no sub-folders of classes, a class is empty, or pictures belong to none;
        it names all that is wrong.
    OSError
        If a folder cannot be listed.
    """
    left_out: Counter[str] = Counter()
    notes: list[str] = []
    faults: list[str] = []
    root = _unwrapped(folder)
    folders, files = list_folder(root, Counter())
    parts = _find_parts(folders, faults)
    if parts:
        list_folder(root, left_out)  # counts; below, the parts or the classes are listed
        beside = [own for own in folders if own not in parts.values()]
        if beside:
            notes.append(f"{_listed(beside)} beside the parts of {root}: not read")
        found = {part: _classes_in(own, left_out, notes, faults) for part, own in parts.items()}
        for part in ("test", "val"):
            if part in found and not found[part]:
                del found[part]
                notes.append(f"{parts[part]} has no folder for each class: it is not read")
        if "val" in found:
            to = "train" if "test" in found else "test"
            joined = (
                "joins the training part" if to == "train" else "is the test part, for want of one"
            )
            notes.append(f"{parts['val']} {joined}")
            found[to] = found.get(to, []) + found.pop("val")
    else:
        found = {"train": _classes_in(root, left_out, notes, faults)}
    if not found["train"] and not faults:
        pictures = [own for own in files if called_a_picture(own.name)]
        faults.append(
            f"{folder} holds no data set: "
            + (
                f"{counted(len(pictures), 'picture')}, such as {pictures[0].name}, but no folder "
                "for each class; put them into folders that are named as their classes"
                if pictures
                else "neither IDX files, nor .npy files, nor a table, nor a sub-folder of pictures "
                "for each class; arrange it as one of these"
            )
        )
    if len(faults) > 1:
        each = "; ".join(f"({i}) {fault}" for i, fault in enumerate(faults, 1))
        raise DatasetError(f"{folder} has {len(faults)} faults: {each}")
    if faults:
        raise DatasetError(faults[0])
    layout = Layout(found, notes=notes)
    if told := told_left_out(left_out):
        notes.append(f"{folder}: {told}")
    layout.class_names = _class_names(layout)
    return layout


def _find_parts(folders: list[Path], faults: list[str]) -> dict[str, Path]:
    """Return the folders of parts by their usual names; none unless there are at least two.

    A folder that holds pictures is a class, whatever it is called; but unsorted pictures lie in
    many a folder called test.
    """
    found: dict[str, Path] = {}
    for folder in folders:
        words = set(re.findall("[a-z]+", folder.name.lower()))
        own = [part for part, names in _PARTS.items() if words & names]
        if len(own) != 1 or not (_holds_folders_alone(folder) or folder.name.lower() == "test"):
            continue
        (part,) = own
        if part in found:
            faults.append(
                f"{found[part]} and {folder} are both called as a {part} part; rename one"
            )
        else:
            found[part] = folder
    return found if "train" in found and len(found) > 1 else {}


def _unwrapped(folder: Path) -> Path:
    """Return a folder, or the one within it that an archive has put around all others."""
    folders, files = list_folder(folder, Counter())
    is_wrapper = len(folders) == 1 and not any(map(_is_called_so, files))
    if is_wrapper and _holds_folders_alone(folders[0]):
        return _unwrapped(folders[0])
    return folder


def _is_called_so(path: Path) -> bool:
    return called_a_picture(path.name)


def _holds_folders_alone(folder: Path) -> bool:
    folders, files = list_folder(folder, Counter())
    return bool(folders) and not any(map(_is_called_so, files))


def _classes_in(
    part: Path, left_out: Counter[str], notes: list[str], faults: list[str]
) -> list[tuple[str, Path]]:
    """Return the files of the classes in a part; what is wrong with it joins the faults."""
    part = _unwrapped(part)
    folders, files = list_folder(part, left_out)
    if not folders:
        return []
    loose = [own for own in files if called_a_picture(own.name)]
    if loose:
        faults.append(
            f"{part} holds the {_listed(loose)} beside its folders, of no class; move each into a "
            "class or away"
        )
    elif files:
        notes.append(f"{_listed(files)} beside the classes of {part}: not read")
    if all(map(_holds_folders_alone, folders)):
        faults.append(
            f"{_listed(folders)} in {part} hold folders alone, as parts of a data set do and not "
            "classes: call parts train and test (or val), or name one of them; or move the "
            "pictures of classes up"
        )
    found = []
    empty = []
    for own in folders:
        below = files_below(own, left_out)
        if not below:
            empty.append(own)
        name = unicodedata.normalize("NFC", own.name)
        found += [(name, path) for path in below]
    if empty:
        faults.append(
            f"{_listed(empty)} in {part}: empty, as classes are not; add pictures or remove "
            f"{'it' if len(empty) == 1 else 'them'}"
        )
    return found


def _class_names(layout: Layout) -> tuple[str, ...]:
    names = {part: {name for name, _ in files} for part, files in layout.parts.items()}
    every = set.union(*names.values())
    of_lower: dict[str, list[str]] = {}
    for name in sorted(every):
        of_lower.setdefault(name.casefold(), []).append(name)
    alike = [own for own in of_lower.values() if len(own) > 1]
    if alike:
        told = "; ".join(" and ".join(own) for own in alike)
        layout.notes.append(f"classes that differ in their capital letters alone: {told}")
    unknown = sorted(names.get("test", set()) - names["train"])
    if unknown:
        layout.notes.append(
            f"the test part has classes that the training part lacks: {', '.join(unknown)}; none "
            "of their pictures can come out right"
        )
    if all(re.fullmatch(r"[0-9]+", name) for name in every):
        return tuple(sorted(every, key=lambda name: (int(name), name)))
    return tuple(sorted(every))


def _listed(paths: list[Path]) -> str:
    """Return what the paths are called, of many the first."""
    kind = "folder" if paths[0].is_dir() else "file"
    names = ", ".join(path.name for path in paths[:5])
    more = f" and {len(paths) - 5:,} more" if len(paths) > 5 else ""
    return f"{kind} {names}" if len(paths) == 1 else f"{kind}s {names}{more}"
