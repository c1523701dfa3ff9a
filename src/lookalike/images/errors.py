"""What goes wrong with a data set, as two exceptions."""


class DatasetError(ValueError):
    """A data set, or a file of one, cannot be used; the message says why and what helps."""


class DatasetNotFoundError(DatasetError):
    """A data set lies nowhere it was looked for and could not be downloaded."""
