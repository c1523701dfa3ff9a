"""What goes wrong with model files."""


class ModelError(ValueError):
    """A model cannot be kept in a file, or a file holds none; the message says what to do."""
