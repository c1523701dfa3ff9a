"""Read an augmentation from text, such as ``Shifts(2, diagonal=True) * Rotations([-10, 10])``.

For the command line and for files. The text is parsed, never run: only the names of augmentations,
numbers, True, False, lists of numbers, ``+`` and ``*`` have a meaning here.
"""

from __future__ import annotations

import ast
import warnings
from math import isinf
from typing import Any

from lookalike.images.augmentation import Augmentation, Flips, Shifts
from lookalike.images.warps import AffineWarps, ElasticWarps, Rotations, Scalings

AUGMENTATIONS: dict[str, type[Augmentation]] = {
    kind.__name__: kind for kind in (Shifts, Rotations, Scalings, AffineWarps, ElasticWarps, Flips)
}

_MOST_CHARACTERS = 1000  # no text makes the parser go deeper than Python does
_ALLOWED = (
    f"use {', '.join(AUGMENTATIONS)} with numbers, True, False and lists of numbers, joined by + "
    "and *, as in 'Shifts(1) + Rotations([-10, 10])'"
)


def parse_augmentation(text: str) -> Augmentation:
    """Return the augmentation that an expression describes.

    Parameters
    ----------
    text : str
        What ``repr`` of an augmentation gives, or any expression like it.

    Returns
    -------
    Augmentation
        Its parameters are as unchecked as after the constructor; `Augmentation.variants` checks
        them.

    Raises
    ------
    ValueError
        If the text is anything else, in one line that names what is allowed.

    Examples
    --------
    >>> from lookalike.images.expression import parse_augmentation
    >>> parse_augmentation("Shifts(1)*(Flips() + Rotations([-10,10]))")
    Shifts(1) * (Flips() + Rotations([-10, 10]))
    >>> parse_augmentation("open('secrets')")
    Traceback (most recent call last):
        ...
    ValueError: "open('secrets')" is no augmentation: 'open' is no name of one; use Shifts, \
Rotations, Scalings, AffineWarps, ElasticWarps, Flips with numbers, True, False and lists of \
numbers, joined by + and *, as in 'Shifts(1) + Rotations([-10, 10])'
    """
    if len(text) > _MOST_CHARACTERS:
        raise ValueError(
            f"an augmentation of {len(text):,} characters is too long; give at most "
            f"{_MOST_CHARACTERS:,}"
        )
    try:
        return _augmentation(_parse(text))
    except _NotUnderstood as error:
        raise ValueError(f"{text!r} is no augmentation: {error}; {_ALLOWED}") from None


class _NotUnderstood(Exception):
    """Says which part of an expression has no meaning here."""


def _parse(text: str) -> ast.expr:
    try:
        with warnings.catch_warnings():  # about Python that would not be understood anyway
            warnings.simplefilter("ignore")
            return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        raise _NotUnderstood(reason or "nested too deeply") from error


def _augmentation(node: ast.expr) -> Augmentation:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _augmentation(node.left) + _augmentation(node.right)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return _augmentation(node.left) * _augmentation(node.right)
    if isinstance(node, ast.Name):
        _kind(node)
        raise _NotUnderstood(f"{node.id} lacks its parentheses, {node.id}(...)")
    if not isinstance(node, ast.Call):
        raise _NotUnderstood(f"{_shown(node)} is neither an augmentation nor a sum or product")
    kind = _kind(node.func)
    keywords = {}
    for keyword in node.keywords:
        if keyword.arg is None:
            raise _NotUnderstood(f"{_shown(keyword.value)} can not be unpacked")
        keywords[keyword.arg] = _value(keyword.value)
    try:
        return kind(*map(_value, node.args), **keywords)
    except TypeError as error:  # too many arguments, or of other names
        raise _NotUnderstood(str(error).replace(".__init__()", "(...)")) from error


def _kind(node: ast.expr) -> type[Augmentation]:
    if not isinstance(node, ast.Name) or node.id not in AUGMENTATIONS:
        raise _NotUnderstood(f"{_shown(node)} is no name of one")
    return AUGMENTATIONS[node.id]


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.List | ast.Tuple):
        return [_number(item) for item in node.elts]
    return _number(node)


def _number(node: ast.expr) -> Any:
    sign = 1
    number = node
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        sign = -1 if isinstance(node.op, ast.USub) else 1
        number = node.operand
    if not isinstance(number, ast.Constant) or not isinstance(number.value, int | float):
        raise _NotUnderstood(f"{_shown(node)} is neither a number nor True or False")
    if isinstance(number.value, bool):
        if number is not node:
            raise _NotUnderstood(f"{_shown(node)} is no number")
        return number.value
    if isinstance(number.value, float) and isinf(number.value):
        raise _NotUnderstood(f"{_shown(node)} is beyond all floats")
    return sign * number.value


def _shown(node: ast.expr) -> str:
    try:
        source = ast.unparse(node)
    except (ValueError, RecursionError):  # an integer of too many digits, deep nesting
        return "a part of it"
    return repr(source if len(source) <= 40 else source[:37] + "...")
