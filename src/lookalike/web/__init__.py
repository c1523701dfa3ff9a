"""A model behind HTTP: the page to draw on and the API. Needs the extra ``[web]``."""
