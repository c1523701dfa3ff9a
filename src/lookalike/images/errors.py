"""Exceptions about data sets and pictures."""


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
