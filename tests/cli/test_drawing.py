"""Images drawn in the terminal."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from lookalike.cli.work.drawing import draw, shows_greys


@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    channels=st.sampled_from([None, 3, 4]),
    columns=st.integers(1, 60),
    greys=st.booleans(),
)
def test_never_wider_than_asked(
    height: int, width: int, channels: int | None, columns: int, greys: bool
) -> None:
    shape = (height, width) if channels is None else (height, width, channels)
    image = np.full(shape, 200, dtype=np.uint8)
    lines = draw(image, columns, brightest=255, greys=greys).plain.split("\n")
    assert {len(line) for line in lines} == {min(columns, max(width, 14))}


def test_half_blocks_have_the_colours_of_the_pixels() -> None:
    image = np.zeros((28, 28, 3), dtype=np.uint8)
    image[:, :14] = [255, 0, 0]
    text = draw(image, 28, brightest=255, greys=True)
    assert text.plain == "\n".join(["▀" * 28] * 14)
    red, black = text.spans[0].style, text.spans[-1].style
    assert str(red) == "#ff0000 on #ff0000"
    assert str(black) == "#000000 on #000000"


def test_characters_are_the_denser_the_brighter() -> None:
    ramp = np.tile(np.arange(0, 20, dtype=np.uint8), (20, 1))
    line = draw(ramp, 20, brightest=19, greys=False).plain.split("\n")[0]
    assert line[0] == " "
    assert line[-1] == "@"
    densities = [" .:-=+*#%@".index(character) for character in line]
    assert densities == sorted(densities)


def test_values_are_scaled_by_the_brightest() -> None:
    image = np.full((16, 16), 16, dtype=np.uint8)
    assert set(draw(image, 16, brightest=16, greys=False).plain) == {"@", "\n"}
    assert set(draw(image, 16, brightest=255, greys=False).plain) == {":", "\n"}
    assert set(draw(image * 4, 16, brightest=16, greys=False).plain) == {"@", "\n"}


@pytest.mark.parametrize(
    ("color_system", "no_color", "expected"),
    [
        ("truecolor", False, True),
        ("256", False, True),
        ("standard", False, False),
        (None, False, False),
        ("truecolor", True, False),
    ],
)
def test_greys_need_many_colours(color_system: str | None, no_color: bool, expected: bool) -> None:
    console = Console(color_system=color_system, no_color=no_color, force_terminal=True)
    assert shows_greys(console) is expected
