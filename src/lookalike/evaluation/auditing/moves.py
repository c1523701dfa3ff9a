"""A shell script that moves what an audit found out of the way, for its user to read and run."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from lookalike.evaluation.auditing.result import Audit

_HEAD = """#!/bin/sh
# What `lookalike audit` would move. Read it, strike out what you do not believe, and run
#     sh moves.sh
# Files that are gone, and places that are taken, are left alone and told.
# Paths are of {data}; what leaves it lies in {aside}.
set -eu
cd -- {data_quoted}

move() {{  # FILE FOLDER NAME
    if [ ! -f "$1" ]; then printf 'gone: %s\\n' "$1" >&2
    elif [ -e "$2/$3" ]; then printf 'taken: %s/%s\\n' "$2" "$3" >&2
    else mkdir -p -- "$2" && mv -- "$1" "$2/$3"
    fi
}}

look() {{  # FILES
    printf 'look at:\\n'
    printf '  %s\\n' "$@"
}}
"""


def moves_script(found: Audit, data: Path) -> str:
    """Return a POSIX shell script that tidies a folder of pictures as an audit suggests.

    Broken, blank and odd files go to a folder ``rejected`` and copies, but for the first of each
    group, to a folder ``duplicates``. Both lie in ``<data>-aside`` beside the data, as within it
    they would be taken for classes. Files with likely wrong labels go to the folder of the class
    that is suggested. Copies under different labels are only listed. ValueError is raised if the
    audit knows no files.
    """
    if found.paths is None:
        raise ValueError("the audited pictures do not lie in files of their own; nothing can move")
    # Absolute, but with symbolic links as they are: files are named as they were found.
    data = Path(os.path.abspath(data))
    aside = data.with_name(f"{data.name}-aside")
    lines = [
        _HEAD.format(
            data=json.dumps(str(data)),
            aside=json.dumps(str(aside)),
            data_quoted=shlex.quote(str(data)),
        )
    ]
    moved: set[Path] = set()
    targets: set[tuple[Path, str]] = set()

    def move(path: Path, folder: Path) -> str | None:
        if path in moved:
            return None
        moved.add(path)
        name = path.name
        while (folder, name) in targets:
            name = f"_{name}"
        targets.add((folder, name))
        return f"move {_quoted(path, data)} {_quoted(folder, data)} {shlex.quote(name)}"

    def set_aside(path: Path, name: str) -> str | None:
        inside = PurePath(os.path.relpath(os.path.abspath(path), data)).parent
        return move(path, aside / name / (path.parent.name if ".." in inside.parts else inside))

    groups = [(g, [found.paths[row] for row in g.rows.tolist()]) for g in found.duplicates]
    sections: dict[str, Iterator[str | None]] = {
        "Broken, blank and odd files": (
            set_aside(reject.path, "rejected")
            for reject in found.rejects
            if reject.path is not None
        ),
        "Copies, the first of each group stays": (
            set_aside(path, "duplicates")
            for group, paths in groups
            for path in paths[1:]
            if path is not None and not group.is_conflicting
        ),
        "Copies under different labels: at most one label is right": (
            " ".join(["look", *(_quoted(path, data) for path in paths if path is not None)])
            for group, paths in groups
            if group.is_conflicting and any(paths)
        ),
        "Labels that are likely wrong" + ("" if found.is_sure else ", by guesses"): (
            move(path, _class_folder(found, issue.row, issue.suggested, path))
            for issue in found.label_issues
            if (path := found.paths[issue.row]) is not None
        ),
    }
    for title, commands in sections.items():
        listed = [command for command in commands if command is not None]
        lines.append("\n".join([f"# {title}: {len(listed):,}", *listed, ""]))
    return "\n".join(lines)


def _class_folder(found: Audit, row: int, label: object, path: Path) -> Path:
    """Return the folder of a class beside that which a file lies in, by the name it has on disk."""
    assert found.paths is not None
    for other_row in np.flatnonzero(found.labels == label).tolist():
        other = found.paths[other_row]
        is_of_part = found.is_test(other_row) == found.is_test(row)
        if other is not None and is_of_part and other.parent.parent == path.parent.parent:
            return other.parent
    return path.parent.parent / found.class_name(label)


def _quoted(path: Path, data: Path) -> str:
    relative = os.path.relpath(os.path.abspath(path), data)
    return shlex.quote(relative if relative.startswith("../") else f"./{relative}")
