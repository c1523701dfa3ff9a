"""Augmentations read from text: what is allowed, and nothing else."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lookalike import AffineWarps, ElasticWarps, Flips, Rotations, Scalings, Shifts
from lookalike.images.augmentation import Augmentation
from lookalike.images.expression import AUGMENTATIONS, parse_augmentation


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Shifts(1)", Shifts(1)),
        (" Shifts ( ) \n", Shifts()),
        ("Shifts(2, diagonal=True)", Shifts(2, diagonal=True)),
        ("Shifts(reach=2)*Rotations([-10, +10])", Shifts(2) * Rotations([-10, 10])),
        ("Flips() + Scalings((0.9, 1.1)) * Flips()", Flips() + Scalings([0.9, 1.1]) * Flips()),
        ("(Flips() + Shifts()) * Rotations(1e1)", (Flips() + Shifts()) * Rotations(10.0)),
        ("AffineWarps(2, scale=.2, random_state=7)", AffineWarps(2, scale=0.2, random_state=7)),
        ("ElasticWarps(alpha=8, sigma=-2)", ElasticWarps(alpha=8, sigma=-2)),
    ],
)
def test_expressions(text: str, expected: Augmentation) -> None:
    assert parse_augmentation(text) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "invalid syntax"),
        ("Shifts(1", "was never closed"),
        ("Shifts", r"Shifts lacks its parentheses, Shifts\(...\)"),
        ("Shift(1)", "'Shift' is not the name of one"),
        ("Shifts(1).variants(8)", r"'Shifts\(1\).variants' is not the name"),
        ("__import__('os').system('true')", "is not the name of one"),
        ("Shifts(1) - Flips()", "is neither an augmentation nor a sum or product"),
        ("Shifts(1) * 2", "'2' is neither an augmentation"),
        ("lambda: Shifts(1)", "is neither an augmentation"),
        ("Shifts(1); Flips()", "invalid syntax"),
        ("Shifts('1')", "\"'1'\" is neither a number nor True or False"),
        ("Shifts(None)", "'None' is neither a number"),
        ("Shifts(1e400)", "'1e309' is beyond all floats"),
        ("Shifts(1j)", "'1j' is neither a number"),
        ("Shifts(1 + 1)", r"'1 \+ 1' is neither a number"),
        ("Shifts(-True)", "'-True' is neither a number"),
        ("Shifts(2 ** 99)", "is neither a number"),
        ("Rotations([[1]])", r"'\[1\]' is neither a number"),
        ("Rotations([i for i in (1, 2)])", "is neither a number"),
        ("Rotations([*Shifts()])", "is neither a number"),
        ("Rotations()", "missing 1 required positional argument"),
        ("Shifts(1, 2, 3)", "takes from 1 to 3 positional arguments"),
        ("Shifts(1, reach=1)", "multiple values for argument 'reach'"),
        ("Shifts(far=1)", "unexpected keyword argument 'far'"),
        ("Shifts(**{'reach': 1})", "cannot be unpacked"),
        ("Shifts(*[1])", "is neither a number"),
        ("Shifts(1)\0", "null bytes|not an augmentation"),
        ("-" * 900 + "1", "not an augmentation"),
        ("(" * 900, "not an augmentation"),
        ("Shifts(" + "9" * 5000 + ")", "of 5,008 characters is too long; give at most 1,000"),
    ],
)
def test_all_else_is_one_line_that_names_what_is_allowed(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        parse_augmentation(text)
    message = str(caught.value)
    assert "\n" not in message
    assert type(caught.value) is ValueError
    assert "too long" in message or "use Shifts, Rotations, Scalings, AffineWarps" in message


def test_text_is_never_run(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    for text in (
        f"open({str(victim)!r}, 'w')",
        f"Shifts(open({str(victim)!r}, 'w'))",
        f"Shifts(reach=open({str(victim)!r}, 'w'))",
        f"Rotations([open({str(victim)!r}, 'w')])",
    ):
        with pytest.raises(ValueError, match="not an augmentation"):
            parse_augmentation(text)
    assert not victim.exists()


def test_the_longest_sums_are_read() -> None:
    text = "+".join(["Flips()"] * 125)
    assert parse_augmentation(text).variants((2, 2)) == Flips().variants((2, 2))


WORDS = [
    "1",
    "0.5",
    "1e400",
    "True",
    "None",
    "lambda",
    "diagonal=",
    "n=",
    "eval",
    "__class__",
    "for",
    "in",
    "x",
    "1_0",
    "0x",
    "é",
    "**",
    "\x00",
]
words = st.sampled_from([*AUGMENTATIONS, *WORDS, *"()[]{}+-*/,.=:;@\\\"'\n\t "])


@given(text=st.one_of(st.text(max_size=60), st.lists(words, max_size=30).map("".join)))
@example("Shifts(1)\\")
@example("f'{Shifts(1)}'")
@example("Shifts(1) if True else Flips()")
@example("Shifts(1)\ud800")
@example("Rotations([1e400])")
@example("Shifts('\\d')")
@example("1if 1else 2")
def test_any_text_is_an_augmentation_or_a_value_error(text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            augmentation = parse_augmentation(text)
        except ValueError:
            return
    assert isinstance(augmentation, Augmentation)
    assert parse_augmentation(repr(augmentation)) == augmentation
