"""Augmentations and noises as text, for the command line and for files.

An augmentation is ``Shifts(2, diagonal=True) * Rotations([-10, 10])``; the text is parsed, never
run: only the names of augmentations, numbers, True, False, lists of numbers, ``+`` and ``*`` have a
meaning. A noise is ``gaussian:20+saltpepper:0.1``: a kind, a colon and its numbers with commas
between them; ``+`` puts one noise on top of another.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Mapping
from functools import reduce
from math import isinf
from operator import add
from typing import Any, NamedTuple, TypeVar

from lookalike.images.augmentation import Augmentation, Flips, Shifts
from lookalike.images.noise import (
    GaussianNoise,
    Noise,
    NoiseSequence,
    SaltAndPepper,
    UniformNoise,
)
from lookalike.images.warps import AffineWarps, ElasticWarps, Rotations, Scalings

AUGMENTATIONS: dict[str, type[Augmentation]] = {
    kind.__name__: kind for kind in (Shifts, Rotations, Scalings, AffineWarps, ElasticWarps, Flips)
}


class _Kind(NamedTuple):
    noise: type[Noise]
    numbers: tuple[str, ...]  # what may follow the colon, by how many numbers it is


NOISES: Mapping[str, _Kind] = {
    "uniform": _Kind(UniformNoise, ("HIGH", "LOW,HIGH")),
    "gaussian": _Kind(GaussianNoise, ("SIGMA",)),
    "saltpepper": _Kind(SaltAndPepper, ("SHARE",)),
}

GRAMMAR = " or ".join(f"{name}:{form}" for name, kind in NOISES.items() for form in kind.numbers)
"""All forms of noises, in words."""

_Read = TypeVar("_Read", Augmentation, Noise)

_MOST_CHARACTERS = 1000  # no text makes the parser go deeper than Python does
_WHOLE = re.compile(r"-?[0-9]+")
_DECIMAL = re.compile(r"-?([0-9]+\.?[0-9]*|\.[0-9]+)")
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
    return _read(text, "augmentation", lambda: _augmentation(_parse(text)), _ALLOWED)


def parse_noise(text: str) -> Noise:
    """Return the noise that a text describes.

    Parameters
    ----------
    text : str
        ``uniform:HIGH`` or ``uniform:LOW,HIGH`` (`UniformNoise`, from LOW, or 0, to HIGH - 1),
        ``gaussian:SIGMA`` (`GaussianNoise`), ``saltpepper:SHARE`` (`SaltAndPepper`), or several of
        them joined by ``+``.

    Returns
    -------
    Noise
        Its parameters are as unchecked as after the constructor; `add_noise` checks them.

    Raises
    ------
    ValueError
        If the text is anything else, in one line that names what is allowed.

    Examples
    --------
    >>> from lookalike.images.expression import parse_noise
    >>> parse_noise("uniform:50")
    UniformNoise(high=50)
    >>> parse_noise("uniform:-20,20 + saltpepper:.1")
    UniformNoise(high=20, low=-20) + SaltAndPepper(share=0.1)
    >>> parse_noise("unifrom:100")
    Traceback (most recent call last):
        ...
    ValueError: 'unifrom:100' is no noise: 'unifrom' is none of uniform, gaussian, saltpepper; \
give uniform:HIGH or uniform:LOW,HIGH or gaussian:SIGMA or saltpepper:SHARE, joined by +, as in \
uniform:100
    """
    allowed = f"give {GRAMMAR}, joined by +, as in uniform:100"
    return _read(text, "noise", lambda: reduce(add, map(_noise, text.split("+"))), allowed)


def noise_text(noise: Noise | None) -> str:
    """Return a noise as `parse_noise` reads it, or its repr where no text stands for it.

    Examples
    --------
    >>> noise_text(UniformNoise(0, 100) + SaltAndPepper(0.1))
    'uniform:100+saltpepper:0.1'
    """
    match noise:
        case None:
            return "what its training pairs differ by"
        case NoiseSequence():
            return f"{noise_text(noise.first)}+{noise_text(noise.second)}"
        case UniformNoise():
            low = f"{noise.low}," if noise.low else ""
            return f"uniform:{low}{noise.high}"
        case GaussianNoise(value_range=None):
            return f"gaussian:{noise.sigma}"
        case SaltAndPepper(value_range=None):
            return f"saltpepper:{noise.share}"
    return repr(noise)


def _read(text: str, what: str, parse: Callable[[], _Read], allowed: str) -> _Read:
    """Return what a text stands for, or raise a ValueError that names what is allowed."""
    article = "an" if what[0] in "aeiou" else "a"
    if len(text) > _MOST_CHARACTERS:
        raise ValueError(
            f"{article} {what} of {len(text):,} characters is too long; give at most "
            f"{_MOST_CHARACTERS:,}"
        )
    try:
        return parse()
    except _NotUnderstood as error:
        raise ValueError(f"{text!r} is no {what}: {error}; {allowed}") from None


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


def _noise(text: str) -> Noise:
    name, colon, numbers = (part.strip() for part in text.partition(":"))
    if not name:
        raise _NotUnderstood("a noise is missing")
    if name not in NOISES:
        raise _NotUnderstood(f"{name!r} is none of {', '.join(NOISES)}")
    kind = NOISES[name]
    forms = " or ".join(f"{name}:{form}" for form in kind.numbers)
    if not colon or not numbers:
        raise _NotUnderstood(f"{name} lacks its numbers, {forms}")
    values = [_decimal(number.strip()) for number in numbers.split(",")]
    if len(values) > len(kind.numbers):
        raise _NotUnderstood(f"{name} has {len(values)} numbers instead of {forms}")
    if kind.noise is UniformNoise and len(values) == 1:
        values = [0, *values]
    return kind.noise(*values)


def _decimal(text: str) -> float:
    if not _DECIMAL.fullmatch(text):
        raise _NotUnderstood(f"{text!r} is no number such as 100, -20 or 0.5")
    # Whole numbers stay ones, for integer pixels are given no others.
    return int(text) if _WHOLE.fullmatch(text) else float(text)
