"""Checks of plain values from a file, before anything is created from them.

Each error gives the value, in at most 60 characters, and the allowed values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_MOST_SHOWN = 60


def as_fields(values: Any, name: str, keys: set[str]) -> Mapping[str, Any]:
    """Return a dict that must have exactly these keys."""
    if not isinstance(values, dict) or values.keys() != keys:
        raise bad_value(name, values, f"an object with {', '.join(sorted(keys))} and nothing else")
    return values


def as_integer(name: str, value: Any, least: int, most: int) -> int:
    """Return an integer in a range; bools and floats are refused."""
    if type(value) is not int or not least <= value <= most:
        raise bad_value(name, value, f"an integer from {least} to {most}")
    return value


def as_pair(name: str, values: Any, least: float, most: float) -> tuple[float, float]:
    """Return two numbers in a range; NaN is refused."""
    if (
        not isinstance(values, list | tuple)
        or len(values) != 2
        or any(type(value) not in (int, float) or not least <= value <= most for value in values)
    ):
        raise bad_value(name, values, f"two numbers from {least:g} to {most:g}")
    return float(values[0]), float(values[1])


def bad_value(name: str, value: Any, wanted: str) -> ValueError:
    """Return an error that gives the value and the allowed values."""
    shown = repr(value)
    shown = shown if len(shown) <= _MOST_SHOWN else f"{shown[: _MOST_SHOWN - 3]}..."
    return ValueError(f"{name}={shown}; it must be {wanted}")
