"""Exceptions about data sets and pictures, and warnings at the caller's line."""

from __future__ import annotations

import sys
import warnings


class DatasetError(ValueError):
    """A data set, or a file of one, cannot be used; the message gives the reason and a cure."""


class DatasetNotFoundError(DatasetError):
    """A data set was not found, and could not be downloaded."""


class PictureError(DatasetError):
    """A file or bytes cannot be read as a picture; the message gives the reason and a cure."""


class PictureTooLargeError(PictureError):
    """A picture has more pixels than the limit allows."""


class NoPictureError(PictureError):
    """The content of a file is not a picture."""


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
