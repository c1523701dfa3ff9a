"""What goes wrong with a data set or a picture, as exceptions."""


class DatasetError(ValueError):
    """A data set, or a file of one, cannot be used; the message says why and what helps."""


class DatasetNotFoundError(DatasetError):
    """A data set lies nowhere it was looked for and could not be downloaded."""


class PictureError(DatasetError):
    """A file or some bytes cannot be read as a picture; the message says why and what helps."""


class PictureTooLargeError(PictureError):
    """A picture has more pixels than the limit allows."""


class NoPictureError(PictureError):
    """The content of a file is that of no picture."""
