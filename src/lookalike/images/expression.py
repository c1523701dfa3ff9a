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
from collections.abc import Iterator
from contextlib import contextmanager
from functools import reduce
from math import isinf
from operator import add
from typing import Any

from lookalike.images.augmentation import Augmentation, Flips, Shifts
from lookalike.images.noise import GaussianNoise, Noise, NoiseSequence, SaltAndPepper, UniformNoise
from lookalike.images.warps import AffineWarps, ElasticWarps, Rotations, Scalings

AUGMENTATIONS: dict[str, type[Augmentation]] = {
    kind.__name__: kind for kind in (Shifts, Rotations, Scalings, AffineWarps, ElasticWarps, Flips)
}

NOISES: dict[str, tuple[type[Noise], tuple[str, ...]]] = {
    "uniform": (UniformNoise, ("HIGH", "LOW,HIGH")),
    "gaussian": (GaussianNoise, ("SIGMA",)),
    "saltpepper": (SaltAndPepper, ("SHARE",)),
}
"""The class of each noise, and what may follow its colon, by how many numbers there are."""


def _forms(name: str) -> str:
    return " or ".join(f"{name}:{form}" for form in NOISES[name][1])


GRAMMAR = " or ".join(map(_forms, NOISES))
"""All forms of noises, in words."""

_MOST_CHARACTERS = 1000  # no text makes the parser go deeper than Python does
_WHOLE = re.compile(r"-?[0-9]+")
_DECIMAL = re.compile(r"-?([0-9]+\.?[0-9]*|\.[0-9]+)")
_ALLOWED = (
    f"use {', '.join(AUGMENTATIONS)} with numbers, True, False and lists of numbers, joined by + "
    "and *, as in 'Shifts(1) + Rotations([-10, 10])'"
)


def parse_augmentation(text: str) -> Augmentation:
    """Return the augmentation that an expression describes.

    The expression is what ``repr`` of an augmentation gives, or one like it. Any other text is a
    ValueError that names what is allowed. `Augmentation.variants` checks the parameters later.
    """
    with _explained(text, "an augmentation", _ALLOWED):
        return _augmentation(_parse(text))


def parse_noise(text: str) -> Noise:
    """Return the noise that a text describes.

    It is ``uniform:HIGH`` or ``uniform:LOW,HIGH`` (`UniformNoise`, from LOW, or 0, to HIGH - 1),
    ``gaussian:SIGMA`` (`GaussianNoise`), ``saltpepper:SHARE`` (`SaltAndPepper`), or several of them
    joined by ``+``. Any other text is a ValueError that names what is allowed. `add_noise` checks
    the parameters later.
    """
    with _explained(text, "a noise", f"give {GRAMMAR}, joined by +, as in uniform:100"):
        return reduce(add, map(_noise, text.split("+")))


def noise_text(noise: Noise | None) -> str:
    """Return a noise as `parse_noise` reads it, or its repr where no text stands for it."""
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


class _NotUnderstood(Exception):
    """Says which part of an expression has no meaning here."""


@contextmanager
def _explained(text: str, what: str, allowed: str) -> Iterator[None]:
    """Turn what the block does not understand into a ValueError that names what is allowed."""
    if len(text) > _MOST_CHARACTERS:
        raise ValueError(
            f"{what} of {len(text):,} characters is too long; give at most {_MOST_CHARACTERS:,}"
        )
    try:
        yield
    except _NotUnderstood as error:
        raise ValueError(f"{text!r} is not {what}: {error}; {allowed}") from None


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
            raise _NotUnderstood(f"{_shown(keyword.value)} cannot be unpacked")
        keywords[keyword.arg] = _value(keyword.value)
    try:
        return kind(*map(_value, node.args), **keywords)
    except TypeError as error:  # too many arguments, or of other names
        raise _NotUnderstood(str(error).replace(".__init__()", "(...)")) from error


def _kind(node: ast.expr) -> type[Augmentation]:
    if not isinstance(node, ast.Name) or node.id not in AUGMENTATIONS:
        raise _NotUnderstood(f"{_shown(node)} is not the name of one")
    return AUGMENTATIONS[node.id]


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.List | ast.Tuple):
        return [_number(item) for item in node.elts]
    return _number(node)


def _number(node: ast.expr) -> Any:
    try:
        number = ast.literal_eval(node)
    except (ValueError, TypeError, MemoryError, RecursionError):
        number = None
    if not isinstance(number, int | float):
        raise _NotUnderstood(f"{_shown(node)} is neither a number nor True or False")
    if isinstance(number, float) and isinf(number):
        raise _NotUnderstood(f"{_shown(node)} is beyond all floats")
    return number


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
    kind, forms = NOISES[name]
    if not colon or not numbers:
        raise _NotUnderstood(f"{name} lacks its numbers, {_forms(name)}")
    values = [_decimal(number.strip()) for number in numbers.split(",")]
    if len(values) > len(forms):
        raise _NotUnderstood(f"{name} has {len(values)} numbers instead of {_forms(name)}")
    if kind is UniformNoise and len(values) == 1:
        values = [0, *values]
    return kind(*values)


def _decimal(text: str) -> float:
    if not _DECIMAL.fullmatch(text):
        raise _NotUnderstood(f"{text!r} is not a number, for example 100, -20 or 0.5")
    # Whole numbers stay whole, because integer pixels take no others.
    return int(text) if _WHOLE.fullmatch(text) else float(text)
