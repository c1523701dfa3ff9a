"""Read a noise from text, such as ``uniform:100`` or ``gaussian:20+saltpepper:0.1``.

For the command line. A kind, a colon and its numbers with commas between them; ``+`` puts one noise
on top of another.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import reduce
from operator import add
from typing import NamedTuple

from lookalike.images.noise import GaussianNoise, Noise, SaltAndPepper, UniformNoise


class _Kind(NamedTuple):
    noise: type[Noise]
    numbers: tuple[str, ...]  # what may follow the colon, by how many numbers it is


KINDS: Mapping[str, _Kind] = {
    "uniform": _Kind(UniformNoise, ("HIGH", "LOW,HIGH")),
    "gaussian": _Kind(GaussianNoise, ("SIGMA",)),
    "saltpepper": _Kind(SaltAndPepper, ("SHARE",)),
}

GRAMMAR = " or ".join(f"{name}:{form}" for name, kind in KINDS.items() for form in kind.numbers)
"""All forms, in words."""

_MOST_CHARACTERS = 1000  # no text makes sums that are deeper than Python goes
_WHOLE = re.compile(r"-?[0-9]+")
_NUMBER = re.compile(r"-?([0-9]+\.?[0-9]*|\.[0-9]+)")


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
    >>> from lookalike.images.noise_expression import parse_noise
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
    if len(text) > _MOST_CHARACTERS:
        raise ValueError(
            f"a noise of {len(text):,} characters is too long; give at most {_MOST_CHARACTERS:,}"
        )
    try:
        return reduce(add, map(_noise, text.split("+")))
    except _NotUnderstood as error:
        raise ValueError(
            f"{text!r} is no noise: {error}; give {GRAMMAR}, joined by +, as in uniform:100"
        ) from None


class _NotUnderstood(Exception):
    """Says which part of a text has no meaning here."""


def _noise(text: str) -> Noise:
    name, colon, numbers = (part.strip() for part in text.partition(":"))
    if not name:
        raise _NotUnderstood("a noise is missing")
    if name not in KINDS:
        raise _NotUnderstood(f"{name!r} is none of {', '.join(KINDS)}")
    kind = KINDS[name]
    forms = " or ".join(f"{name}:{form}" for form in kind.numbers)
    if not colon or not numbers:
        raise _NotUnderstood(f"{name} lacks its numbers, {forms}")
    values = [_number(number.strip()) for number in numbers.split(",")]
    if len(values) > len(kind.numbers):
        raise _NotUnderstood(f"{name} has {len(values)} numbers instead of {forms}")
    if kind.noise is UniformNoise and len(values) == 1:
        values = [0, *values]
    return kind.noise(*values)


def _number(text: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise _NotUnderstood(f"{text!r} is no number such as 100, -20 or 0.5")
    # Whole numbers stay ones, for integer pixels are given no others.
    return int(text) if _WHOLE.fullmatch(text) else float(text)
