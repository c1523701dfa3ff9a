"""Image representations, and distances other than pixelwise ones; each can be used alone."""
