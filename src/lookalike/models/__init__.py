"""Models as files, and any picture brought to the form that a model knows."""
