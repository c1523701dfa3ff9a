"""Model files, and the conversion of any picture to the form of a model's images."""
