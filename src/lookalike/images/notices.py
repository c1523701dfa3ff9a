"""Warnings that point at the line which brought them about, outside this package."""

from __future__ import annotations

import sys
import warnings

PACKAGE = __name__.partition(".")[0]


def warn_caller(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the nearest line of code that is not this package's.

    A search may be asked for itself or by a classifier, a reader by itself or by `load_dataset`,
    in one call or several, so no number of calls to go back is right for all.
    """
    # Python 3.12 does this itself, by `skip_file_prefixes`.
    frame, level = sys._getframe(), 1
    while (
        frame.f_back is not None
        and frame.f_globals.get("__name__", "").partition(".")[0] == PACKAGE
    ):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
