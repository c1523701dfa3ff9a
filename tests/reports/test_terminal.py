"""Sections in the terminal: what is shown, how wide, and how pictures and curves are drawn."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from tests.reports.samples import line_chart, table

from lookalike.reports.blocks import (
    Block,
    Chart,
    Column,
    Gallery,
    Heading,
    Line,
    Picture,
    Section,
    Table,
    Text,
)
from lookalike.reports.terminal import INDENT, show


def shown(
    blocks: Sequence[Block], *, width: int = 80, colours: str | None = None, **options: Any
) -> str:
    """What a section of these blocks prints."""
    console = Console(
        width=width, color_system=colours, force_terminal=colours is not None, highlight=False
    )
    with console.capture() as capture:
        show([Section("The section", blocks)], console, titles=False, **options)
    return capture.get()


def square(*lines: str, value: int = 200, neighbors: Sequence[Picture] = ()) -> Picture:
    image = np.full((14, 14), value, dtype=np.uint8)
    return Picture(image, "a square", lines, neighbors=neighbors)


def curves(*lines: Line, rows: int = 3) -> Chart:
    return Chart(lambda _: None, "curves", "The caption", table(rows), lines=lines)


def test_titles_intros_and_notes() -> None:
    sections = [
        Section("First", [Text("a note", is_note=True)], ["[bold]as it is[/]"]),
        Section("Second", [Heading("Below it")]),
        Section("Hidden", [Text("nobody reads this")], detail=True),
    ]
    console = Console(width=60, color_system=None)
    with console.capture() as capture:
        show(sections, console)
    lines = [line.rstrip() for line in capture.get().splitlines()]
    assert lines == [
        *("First", "", "   [bold]as it is[/]", "   a note", ""),
        *("Second", "", "   Below it"),
    ]


def test_details_are_left_out() -> None:
    blocks: list[Block] = [
        Text("shown"),
        Text("hidden", detail=True),
        Heading("hidden", detail=True),
        Table(["hidden"], [["hidden"]], "hidden", detail=True),
        Gallery([square("hidden")], "hidden", detail=True),
        Table(["name", Column("hidden", detail=True)], [["shown", 1]], "a table"),
    ]
    text = shown(blocks)
    assert "hidden" not in text
    assert text.count("shown") == 2


def test_numbers_are_aligned_to_the_right() -> None:
    rows = [["a", 0.5, 1200], ["bb", 0.25, 7]]
    text = shown([Table(["what", Column("share", ".1%"), "images"], rows, "Shares")])
    assert [line.rstrip() for line in text.splitlines()] == [
        "   what   share   images",
        "   a      50.0%    1,200",
        "   bb     25.0%        7",
    ]


@pytest.mark.parametrize(("width", "gap"), [(40, 3), (30, 2), (25, 1)])
def test_columns_come_closer_where_there_is_little_room(width: int, gap: int) -> None:
    head, row = "abcdef", [12345, 12345, 12345]
    text = shown([Table(["x", *head[:3]], [["y", *row]], "Numbers")], width=width)
    assert f"12,345{' ' * gap}12,345" in text


def test_a_table_that_is_too_wide_says_so() -> None:
    wide = Table(["name", *(f"column {i}" for i in range(30))], [["a", *range(30)]], "Many.")
    text = " ".join(shown([wide]).split())
    assert text == (
        "Many: a table of 31 columns, wider than the 77 here; the report that --out writes has it."
    )


def test_long_tables_end_with_the_number_of_other_rows() -> None:
    text = shown([table(1234)])
    assert len(text.splitlines()) == 32
    assert "… 1,204 more rows are in the report that --out writes." in text


def test_a_chart_without_lines_is_its_table() -> None:
    assert shown([line_chart()]) == shown([table()])


def test_curves_are_drawn_above_their_table() -> None:
    x = np.arange(1, 31)
    rising, falling = Line("rising", x, x / 30), Line("falling", x, 1 - x / 30)
    text = shown([curves(rising, falling)])
    drawing, below = text.split("The caption")
    assert "o rising   x falling" in drawing
    assert drawing.count("o") > 20
    assert drawing.count("x") > 20
    assert re.search(r"^ +1 +30$", drawing, re.MULTILINE)  # the ends of the axis
    assert "row 0" in below
    assert "row 0" not in shown([curves(rising, rows=31)])  # too many for the terminal


def test_points_that_are_no_numbers_are_not_drawn() -> None:
    y = np.array([0.0, np.nan, 1.0])
    drawing = shown([curves(Line("gap", np.arange(3), y))]).split("\n   ")[:-6]
    assert sum(line.count("o") for line in drawing if "|" in line) == 2


def test_galleries_show_some_pictures_and_count_the_others() -> None:
    cases = [square(f"case {i}", neighbors=[square("near")]) for i in range(7)]
    text = shown([Gallery(cases, "The cases.")])
    assert [f"case {i}" in text for i in range(4)] == [True, True, True, False]
    assert text.count("near") == 3
    assert "… 4 more are in the report that --out writes." in text
    assert "case 4" in shown([Gallery(cases, "The cases.")], most_pictures=5)
    assert "The cases." not in shown([Gallery(cases, "The cases.")], most_pictures=0)


def test_pictures_without_neighbors_share_lines() -> None:
    pictures = [square(f"no{i:02}") for i in range(17)]
    text = shown([Gallery(pictures, "Squares.")])
    assert re.search(r"no00 +no01 +no02 +no03 +no04", text)
    assert "no14" in text
    assert "no15" not in text
    assert "… 2 more are in the report that --out writes." in text


def test_neighbors_that_do_not_fit_are_counted() -> None:
    case = square("case", neighbors=[square(f"n{i}") for i in range(20)])
    text = shown([Gallery([case], "A case.")], width=60)
    assert re.search(r"… and \d+ more in a line than fit here", text)
    assert max(map(len, text.splitlines())) <= 60


@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    channels=st.sampled_from([None, 1, 3, 4]),
    columns=st.integers(20, 90),
    n_neighbors=st.integers(0, 5),
)
def test_never_wider_than_the_console(
    height: int, width: int, channels: int | None, columns: int, n_neighbors: int
) -> None:
    shape = (height, width) if channels is None else (height, width, channels)
    picture = Picture(np.full(shape, 200, dtype=np.uint8), "a picture", ["a long caption"] * 2)
    case = Picture(picture.image, "a case", neighbors=[picture] * n_neighbors)
    x = np.arange(9)
    blocks: list[Block] = [Gallery([case], "A case."), table(4, 6), curves(Line("line", x, x))]
    for colours in (None, "truecolor"):
        text = re.sub(r"\x1b\[[\d;]*m", "", shown(blocks, width=columns, colours=colours))
        assert max(map(len, text.splitlines())) <= columns


def test_half_blocks_have_the_colours_of_the_pixels() -> None:
    image = np.zeros((28, 28, 3), dtype=np.uint8)
    image[:, :14] = [255, 0, 0]
    text = shown([Gallery([Picture(image, "half red")], "Half red.")], colours="truecolor")
    pixels = [line for line in text.splitlines() if "▀" in line]
    assert len(pixels) == 14
    assert all(line.count("▀") == 28 for line in pixels)
    assert "\x1b[38;2;255;0;0;48;2;255;0;0m▀" in pixels[0]
    assert "\x1b[38;2;0;0;0;48;2;0;0;0m▀" in pixels[0]


def test_characters_are_the_denser_the_brighter() -> None:
    ramp = np.tile(np.linspace(0, 255, 20).astype(np.uint8), (20, 1))
    line = shown([Gallery([Picture(ramp, "a ramp")], "A ramp.")]).splitlines()[2]
    drawn = line[INDENT:][:20]
    assert drawn[0] == " "
    assert drawn[-1] == "@"
    densities = [" .:-=+*#%@".index(character) for character in drawn]
    assert densities == sorted(densities)


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
def test_half_blocks_need_many_colours(color_system: Any, no_color: bool, expected: bool) -> None:
    console = Console(color_system=color_system, no_color=no_color, force_terminal=True)
    with console.capture() as capture:
        show([Section("Pictures", [Gallery([square()], "A square.")])], console)
    assert ("▀" in capture.get()) == expected


def test_a_state_is_the_colour_of_a_caption() -> None:
    right, wrong = (
        Picture(square().image, "a square", [state], state=state) for state in ("right", "wrong")
    )
    text = shown([Gallery([right, wrong], "Two.")], colours="truecolor")
    assert "\x1b[1;32mright" in text
    assert "\x1b[1;31mwrong" in text
