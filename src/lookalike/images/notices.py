"""Warnings that point at the caller's line outside this package."""

from __future__ import annotations

import sys
import warnings

PACKAGE = __name__.partition(".")[0]


def warn_caller(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the nearest line of code outside this package.

    The user may call a search or a reader directly or through other functions of this package, so
    a constant ``stacklevel`` does not work.
    """
    # `skip_file_prefixes` does this since Python 3.12.
    frame, level = sys._getframe(), 1
    while (
        frame.f_back is not None
        and frame.f_globals.get("__name__", "").partition(".")[0] == PACKAGE
    ):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
