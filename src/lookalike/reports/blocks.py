"""What a report consists of: sections of text, tables, charts and galleries, and numbers.

Nothing here knows of evaluations, nor of HTML: a report is plain data, which `html` renders as a
page, `terminal` as text, `png` as pictures and `as_json` as a JSON document. Every chart carries
the table of what it draws, and every picture the words that stand for it, so that no part of a
report is for the eye alone. Whatever lacks its words is refused with a ValueError.

A block, a section or a column with ``detail=True`` is rendered everywhere but in the terminal,
which has little room.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Undefined:
    """A cell of a table whose number does not exist, and the reason: "no image was predicted"."""

    reason: str

    def __post_init__(self) -> None:
        _require(self.reason, "reason of an Undefined", "say why there is no number")


Item = TypeVar("Item")
Number = int | float | np.integer[Any] | np.floating[Any]
Cell = str | Number | Undefined | None


@dataclass(frozen=True)
class Column:
    """The head of a table's column, and the format of its numbers.

    ``spec`` is one of `format`, as ".2%". Without it, whole numbers get thousands separators and
    others four significant digits.
    """

    name: str
    spec: str = ""
    detail: bool = False


@dataclass(frozen=True, eq=False)
class Table:
    """Rows below the names of their columns; the first column names the rows.

    Columns of numbers are aligned to the right; in the JSON document they have all their digits.
    A cell that is None is empty.

    Examples
    --------
    >>> table = Table(["class", Column("recall", ".1%")], [["3", 0.95], ["5", 0.975]], "Recall")
    >>> table.texts()
    [['3', '95.0%'], ['5', '97.5%']]
    """

    columns: Sequence[Column | str]
    rows: Sequence[Sequence[Cell]]
    caption: str
    detail: bool = False

    def __post_init__(self) -> None:
        _require(self.caption, "caption of a Table", "say what the table shows")
        for number, row in enumerate(self.rows):
            if len(row) != len(self.columns):
                raise ValueError(
                    f"row {number} of the table {self.caption!r} has {len(row)} cells but there "
                    f"are {len(self.columns)} columns; give one cell for each, None where empty"
                )

    @classmethod
    def of(
        cls,
        items: Iterable[Item],
        columns: Mapping[Column | str, Callable[[Item], Cell]],
        caption: str,
        *,
        detail: bool = False,
    ) -> Table:
        """Return a table with a row for each item, in which each column has a cell of it."""
        rows = [[cell(item) for cell in columns.values()] for item in items]
        return cls(list(columns), rows, caption, detail)

    def heads(self) -> list[str]:
        """Return the names of the columns."""
        return [column.name if isinstance(column, Column) else column for column in self.columns]

    def texts(self) -> list[list[str]]:
        """Return the cells as they are read on the page."""
        specs = [column.spec if isinstance(column, Column) else "" for column in self.columns]
        return [list(map(cell_text, row, specs)) for row in self.rows]

    def is_numeric(self) -> list[bool]:
        """Return for each column whether it has numbers and, beside empty cells, nothing else."""
        return [
            any(_is_number(row[j]) for row in self.rows)
            and not any(isinstance(row[j], str) for row in self.rows)
            for j in range(len(self.columns))
        ]


class Line(NamedTuple):
    """A curve of a chart, as the terminal draws it; x and y have shape (n,)."""

    name: str
    x: NDArray[Any]
    y: NDArray[Any]


@dataclass(frozen=True, eq=False)
class Chart:
    """A drawing and the table of what it draws.

    ``draw`` is called with matplotlib's `Axes` when the chart is rendered as a page or a picture.
    It draws in matplotlib's default colours; see `charts`. Text keeps its size on the page, so a
    chart of some 5 inches can be read on a phone, and two of them stand side by side on a desk.
    """

    draw: Callable[[Axes], object]
    alt: str  # what the chart shows, for those who do not see it
    caption: str
    table: Table
    size: tuple[float, float] = (4.8, 3.4)  # width and height in inches
    lines: Sequence[Line] = ()  # that the terminal draws; without them it shows the table
    detail: bool = False

    def __post_init__(self) -> None:
        _require(self.alt, "alt of a Chart", "say in words what it shows")
        _require(self.caption, "caption of a Chart", "say in words what it shows")


@dataclass(frozen=True, eq=False)
class Picture:
    """An image of a gallery, and pictures to draw in one row with it, after it."""

    image: NDArray[np.uint8]  # (h, w) or (h, w, c), c of 1, 3 or 4; 0 is black and 255 white
    alt: str  # what is seen, for those who do not see it
    caption: Sequence[str] = ()  # lines below the picture, the first one emphasised
    # It is marked by a sign, a word for screen readers, and a colour.
    state: Literal["right", "wrong"] | None = None
    neighbors: Sequence[Picture] = ()

    def __post_init__(self) -> None:
        _require(self.alt, "alt of a Picture", "say in words what it shows")
        shape = self.image.shape
        if (
            self.image.dtype != np.uint8
            or self.image.size == 0
            or len(shape) not in (2, 3)
            or (len(shape) == 3 and shape[2] not in (1, 3, 4))
        ):
            raise ValueError(
                f"image of dtype {self.image.dtype} and shape {shape}; give uint8 of shape "
                "(h, w) or (h, w, c) with c of 1, 3 or 4"
            )
        if self.state not in ("right", "wrong", None):
            raise ValueError(f'state={self.state!r}; give "right", "wrong" or None')

    def pixels(self) -> NDArray[np.uint8]:
        """Return the image as Pillow and matplotlib take it, a grey one of shape (h, w)."""
        return self.image[:, :, 0] if self.image.shape[2:] == (1,) else self.image


@dataclass(frozen=True, eq=False)
class Gallery:
    """One or more pictures side by side, or below each other where neighbours are beside them."""

    pictures: Sequence[Picture]
    caption: str
    detail: bool = False

    def __post_init__(self) -> None:
        _require(self.caption, "caption of a Gallery", "say what the pictures are")
        if not self.pictures:
            raise ValueError(
                f"the gallery {self.caption!r} has no picture; give at least one, or a Text "
                "that says why there is none"
            )

    def lines(self, most: int) -> list[list[Picture]]:
        """Return the pictures line by line, each with its neighbours, or ``most`` without any."""
        if any(one.neighbors for one in self.pictures):
            return [[one, *one.neighbors] for one in self.pictures]
        return [list(self.pictures[i : i + most]) for i in range(0, len(self.pictures), most)]


@dataclass(frozen=True)
class Text:
    """A paragraph; a note is shown paler."""

    text: str
    is_note: bool = False
    detail: bool = False


@dataclass(frozen=True)
class Heading:
    """A heading within a section."""

    text: str
    detail: bool = False


Block = Text | Heading | Table | Chart | Gallery


@dataclass(frozen=True, eq=False)
class Section:
    """A part of a report, in the table of contents by its title.

    Charts that follow one another stand side by side where there is room. ``intro`` are paragraphs
    below the title.
    """

    title: str
    blocks: Sequence[Block] = ()
    intro: Sequence[str] = ()
    detail: bool = False

    def __post_init__(self) -> None:
        _require(self.title, "title of a Section", "name it")


@dataclass(frozen=True)
class Headline:
    """A number that the report opens with."""

    name: str
    value: str  # with its unit, as "97.14 %"
    note: str = ""  # what helps to judge it: an interval, or what was measured

    def __post_init__(self) -> None:
        _require(self.name, "name of a Headline", "say what the number is")


Fact = str | int | float | bool | None


@dataclass(frozen=True, eq=False)
class Report:
    """All that a report says; `write.write_report` writes it.

    What the results depend on, and the versions and times of the run, end the page. ``numbers`` are
    for the JSON document alone: mappings, sequences, arrays and scalars, as the ``to_dict()`` of
    results.
    """

    title: str
    subtitle: str = ""  # what was judged, on what
    headline: Sequence[Headline] = ()  # some three to eight numbers, shown as cards
    sections: Sequence[Section] = ()
    parameters: Mapping[str, Fact] = field(default_factory=dict)
    versions: Mapping[str, Fact] = field(default_factory=dict)  # as `write.run_facts` gives them
    timings: Mapping[str, float] = field(default_factory=dict)  # seconds
    numbers: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _require(self.title, "title of a Report", "name it")


def cell_text(cell: Cell, spec: str = "") -> str:
    """Return a cell as it is read on the page.

    Examples
    --------
    >>> cell_text(60_000), cell_text(0.123456), cell_text(0.5, ".0%"), cell_text(float("nan"))
    ('60,000', '0.1235', '50%', '–')
    """
    if cell is None:
        return ""
    if isinstance(cell, Undefined):
        return "–"
    if not _is_number(cell):
        return str(cell)
    number = float(cell)
    if math.isnan(number):
        return "–"
    if math.isinf(number):
        text = "-∞" if number < 0 else "∞"
    elif isinstance(cell, int | np.integer):
        text = format(int(cell), spec or ",d")
    else:
        text = format(number, spec or ".4g")
    # A minus sign is as wide as a plus; a hyphen is not.
    return f"−{text[1:]}" if text.startswith("-") else text


def number_cell(number: Number, reason: str | None) -> Number | Undefined:
    """Return a number, or where it is NaN the reason, if there is one."""
    return Undefined(reason) if reason and math.isnan(number) else number


def left_out(n: int, what: str = "") -> str:
    """Return the end of a sentence: "; 3 more groups are left out.", or "." if none are."""
    return f"; {' '.join(filter(None, [f'{n:,} more', what]))} are left out." if n > 0 else "."


def _is_number(cell: object) -> bool:
    return isinstance(cell, int | float | np.integer | np.floating) and not isinstance(cell, bool)


def _require(text: str, what: str, cure: str) -> None:
    if not text.strip():
        raise ValueError(f"the {what} is empty; {cure}")
