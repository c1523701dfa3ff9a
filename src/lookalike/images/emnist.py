"""The peculiarities of EMNIST: its images lie transposed, and a file beside them names its classes.

G. Cohen, S. Afshar, J. Tapson, A. van Schaik, "EMNIST: an extension of MNIST to handwritten
letters", IJCNN 2017. Its readme tells that images are stored column by column; its mappings give
the character code, or codes, of each label.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.images.exceptions import DatasetError

_NAME = re.compile(r"emnist(?![a-z])", re.IGNORECASE)
_LINE = re.compile(r"\s*(\d{1,9})\s+(\d{1,7})(\s+\d+)*\s*")


def is_emnist(path: Path) -> bool:
    """Whether a file, or the folder it lies in, is called as EMNIST's are."""
    return any(_NAME.match(name) for name in (path.name, path.absolute().parent.name))


def read_mapping(file: Path, prefix: str) -> dict[int, str] | None:
    """Return what the labels beside a file of EMNIST are called, or None if no file tells.

    Parameters
    ----------
    file : Path
        Files of images or labels.
    prefix : str
        What its name begins with, such as ``"emnist-letters-"``, and that of the mapping too.

    Raises
    ------
    DatasetError
        If the mapping is none.
    """
    path = file.with_name(f"{prefix}mapping.txt")
    if not path.is_file():
        return None
    names: dict[int, str] = {}
    try:
        lines = path.read_text("ascii").splitlines()
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} cannot be read: {error}; correct or remove it") from error
    for number, line in enumerate(lines, 1):
        match = _LINE.fullmatch(line)
        if match is None or not chr(int(match[2]) % 0x110000).isprintable():
            raise DatasetError(
                f"{path}, line {number}: {line[:40]!r} is no label with the code of its character, "
                "such as '10 65'; correct or remove the file"
            )
        names[int(match[1])] = chr(int(match[2]) % 0x110000)
    return names


def name_labels(labels: NDArray[Any], names: dict[int, str], where: str) -> NDArray[Any]:
    """Return labels as names.

    Raises
    ------
    DatasetError
        If a label has none.
    """
    own, positions = np.unique(labels, return_inverse=True)
    lacking = [label for label in own.tolist() if label not in names]
    if lacking:
        raise DatasetError(
            f"{where}: label {lacking[0]!r} is not in EMNIST's mapping beside it; correct or "
            "remove the mapping"
        )
    return np.array([names[label] for label in own.tolist()])[positions]
