"""Reports made by hand, with all that can stand in one."""

import numpy as np
from matplotlib.axes import Axes

from lookalike.reports import blocks
from lookalike.reports.charts import heat_colours
from lookalike.reports.pictures import drawable

NASTY = "</svg></style><script>alert(1)</script> & \"quotes\" 'single' $x$"


def unformatted(name: str) -> str:
    """A name such that matplotlib draws it as it is, and no formula."""
    return drawable(name).replace("$", r"\$")


def table(n_rows: int = 3, n_columns: int = 2) -> blocks.Table:
    heads = ["class", *(blocks.Column(f"column {j}", ".1%") for j in range(1, n_columns))]
    rows = [[f"row {i}", *(i / (j + 1) for j in range(1, n_columns))] for i in range(n_rows)]
    return blocks.Table(heads, rows, "Some rows")


def line_chart(name: str = "line") -> blocks.Chart:
    def draw(axes: Axes) -> None:
        axes.plot([0, 1, 2], [0, 2, 1], marker="o", label=unformatted(name))
        axes.set_xlabel(unformatted(name))
        axes.legend()

    return blocks.Chart(draw, alt=f"{name} rises and falls", caption=name, table=table())


def heat_chart() -> blocks.Chart:
    def draw(axes: Axes) -> None:
        axes.imshow(np.eye(3), cmap=heat_colours(), interpolation="none")
        axes.text(0, 0, "1")

    return blocks.Chart(draw, alt="A diagonal", caption="Heat", table=table(4, 4), size=(4, 4))


def picture(
    name: str = "seven", *, state: str | None = None, neighbors: tuple[blocks.Picture, ...] = ()
) -> blocks.Picture:
    image = np.arange(28 * 28, dtype=np.uint8).reshape(28, 28)
    return blocks.Picture(image, f"an image of {name}", [name, "test 7"], state, neighbors)  # type: ignore[arg-type]


def full_report(name: str = "Digits") -> blocks.Report:
    """A report with every kind of block, in which everything is called ``name``."""
    cases = [
        picture(
            name, state="wrong", neighbors=tuple(picture(name, state=s) for s in (None, "right"))
        )
    ]
    first = blocks.Section(
        name,
        [
            blocks.Text(name),
            line_chart(name),
            line_chart(name),
            heat_chart(),
            blocks.Heading(name),
            blocks.Table(
                [name, "n"], [[name, 3], ["b", blocks.Undefined(name)], ["c", float("nan")]], name
            ),
        ],
        [name],
    )
    second = blocks.Section(
        "Images",
        [blocks.Gallery(cases, name), blocks.Gallery([picture(name)] * 9, name), table(40, 12)],
    )
    return blocks.Report(
        name,
        name,
        [blocks.Headline(name, "97.14 %", name)] * 5,
        [first, second],
        {name: name, "k": 4, "exact": True, "augmentation": None},
        {"Python": "3.11"},
        {"fit": 0.25},
        {"nested": {name: np.array([1.5, np.nan])}},
    )
