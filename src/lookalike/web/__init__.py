"""HTTP server of a model: a page to draw on, and an API. It needs the extra ``[web]``."""
