"""Producers and refiners of neighbour tables."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lookalike.search.in_parts import search_parts
    from lookalike.search.neighbors import Neighbors, merge
    from lookalike.search.sharded import RowParts

# Names load on first use: the command line reads parts of this package before it needs any.
_HOMES = {
    "Neighbors": "lookalike.search.neighbors",
    "RowParts": "lookalike.search.sharded",
    "merge": "lookalike.search.neighbors",
    "search_parts": "lookalike.search.in_parts",
}

__all__ = ["Neighbors", "RowParts", "merge", "search_parts"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
