"""The error of model files."""


class ModelError(ValueError):
    """A model cannot be stored, or a file does not hold one; the message says what to do."""
