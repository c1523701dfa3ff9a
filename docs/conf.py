"""How Sphinx builds the site of docs/; `make docs` runs it."""

from __future__ import annotations

import logging
import re
from typing import Any

from sphinx.application import Sphinx

import lookalike

project = "lookalike"
author = "lookalike developers"
copyright = author
version = release = lookalike.__version__

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
]
exclude_patterns = ["_templates"]
templates_path = ["_templates"]
nitpicky = True
# A pattern may match no page yet. (The warning has no type by which suppress_warnings knows it.)
logging.getLogger("sphinx.sphinx.directives.other").addFilter(
    lambda record: getattr(record, "subtype", None) != "empty_glob"
)

# The tests run the notebooks (tests/docs); here their kept output is shown.
nb_execution_mode = "off"
myst_heading_anchors = 3

# Docstrings say the types, so signatures need not, and `name` in them is code, not always a link.
default_role = "code"
autodoc_typehints = "none"
autodoc_inherit_docstrings = False
autosummary_generate = True
toc_object_entries_show_parents = "hide"
numpydoc_show_class_members = False

html_theme = "pydata_sphinx_theme"
html_title = project
html_show_sourcelink = False
html_sidebars = {"index": []}
html_theme_options = {
    "header_links_before_dropdown": 7,
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
}

# Pages that lie outside of docs/, where GitHub and the index of packages look for them, and their
# names in the site.
OUTSIDE = {
    "benchmarks/README.md": "reading-benchmarks.md",
    "benchmarks/RESULTS.md": "results.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
}
LINK = re.compile(r"\]\((?:\.\./)+([\w/.]+)\)")


def to_pages(app: Sphinx, docname: str, source: list[str]) -> None:
    """Let links to files outside of docs/ lead to the pages that the site has of them."""
    up = "../" * docname.count("/")
    source[0] = LINK.sub(
        lambda link: f"]({up}{OUTSIDE[link[1]]})" if link[1] in OUTSIDE else link[0], source[0]
    )


def is_common(app: Sphinx, kind: str, name: str, *rest: Any) -> bool | None:
    """Leave out the methods that scikit-learn gives to every class."""
    return True if re.fullmatch(r"set_\w+_request|set_output|get_metadata_routing", name) else None


def setup(app: Sphinx) -> None:
    app.connect("source-read", to_pages)
    app.connect("autodoc-skip-member", is_common)
