"""Digits as several hands would draw them, for tests that draw on the page or beside it.

Each digit has templates: strokes through given points of a unit box (x to the right, y down),
smooth but for corners, which are points given twice. A hand takes one template of each digit and
writes it with its own slant, width, turn, wobble and roundness of corners, somewhere on a canvas.
All follows from the hand's number, so a test sees the same strokes each time.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

Strokes = list[list[tuple[float, float]]]

CANVAS = 280
N_HANDS = 6
PENS = (7, 15, 26)  # widths in pixels of the canvas, from a thin pen to a felt-tip

_TEMPLATES: dict[int, list[str]] = {
    0: [
        # one round, closed at the top
        ".55 .02  .25 .08  .08 .40  .14 .80  .42 .99  .74 .88  .92 .50  .82 .14  .55 .02",
        # begun at the right, the end crossing the beginning a little
        ".72 .08  .40 .02  .12 .28  .08 .65  .34 .97  .70 .90  .92 .52  .80 .16  .58 .04  .42 .08",
        # narrow, with a gap left at the top
        ".52 .03  .28 .14  .18 .50  .28 .86  .50 .98  .72 .86  .82 .50  .74 .18  .60 .05",
    ],
    1: [
        # a plain stroke
        ".50 .0  .50 .5  .50 1.",
        # with a serif at the top
        ".36 .18  .52 .02  .52 .02  .51 .5  .50 1.",
        # with a serif and a foot
        ".34 .20  .52 .02  .52 .02  .52 .5  .52 1. / .28 1.  .50 .99  .76 1.",
    ],
    2: [
        # an arch, a slope, a straight foot
        ".12 .26  .24 .08  .52 .0  .80 .14  .80 .38  .54 .68  .10 .99  .10 .99  .50 .97  .92 .98",
        # with a loop at the foot
        ".14 .24  .30 .05  .58 .02  .80 .18  .74 .42  .50 .70  .26 .92  .12 .92  .16 .78  .36 .80"
        "  .62 .96  .90 .94",
        # wide, its foot a wave
        ".16 .18  .40 .02  .70 .06  .82 .28  .66 .55  .38 .80  .10 .96  .10 .96  .30 .90  .58 .96"
        "  .94 .92",
    ],
    3: [
        # two bows that meet in a point
        ".16 .14  .40 .01  .70 .08  .76 .28  .58 .44  .38 .48  .38 .48  .66 .52  .84 .70  .72 .92"
        "  .42 1.  .14 .90",
        # flat at the top
        ".16 .03  .48 .03  .80 .02  .80 .02  .62 .22  .44 .42  .44 .42  .72 .48  .86 .70  .70 .94"
        "  .40 .99  .14 .88",
        # with a little loop in the middle
        ".20 .12  .46 .01  .74 .12  .72 .34  .50 .47  .40 .50  .46 .44  .60 .48  .82 .62  .80 .86"
        "  .50 1.  .16 .92",
    ],
    4: [
        # open
        ".22 .02  .18 .30  .14 .56  .14 .56  .50 .57  .92 .54 / .74 .06  .70 .50  .68 1.",
        # closed, in two strokes
        ".66 .02  .40 .34  .08 .66  .08 .66  .50 .66  .94 .64 / .67 .02  .66 .50  .65 1.",
        # open and round
        ".20 .04  .12 .32  .24 .52  .54 .52  .80 .40 / .82 .02  .78 .50  .70 1.",
    ],
    5: [
        # down, the bow, then the roof
        ".26 .04  .24 .22  .20 .44  .20 .44  .46 .36  .76 .50  .82 .74  .62 .96  .34 .99  .12 .88"
        " / .26 .04  .55 .04  .88 .02",
        # in one stroke
        ".86 .03  .58 .04  .30 .05  .30 .05  .26 .24  .22 .46  .22 .46  .50 .40  .78 .56  .78 .82"
        "  .50 1.  .14 .92",
        # round where the first is edged
        ".80 .02  .52 .04  .30 .12  .22 .30  .30 .42  .56 .46  .78 .62  .76 .86  .48 1.  .14 .90",
    ],
    6: [
        # a bow that closes in a loop
        ".70 .01  .42 .16  .20 .46  .14 .74  .28 .96  .58 .99  .80 .80  .70 .60  .44 .56  .20 .70",
        # almost straight
        ".60 .0  .38 .28  .18 .58  .18 .84  .40 .99  .70 .94  .82 .74  .66 .58  .40 .60  .20 .76",
        # its top curled
        ".80 .12  .62 .02  .36 .14  .18 .44  .14 .76  .36 .98  .68 .94  .82 .72  .62 .54  .36 .58"
        "  .17 .76",
    ],
    7: [
        # plain
        ".10 .06  .48 .06  .88 .04  .88 .04  .66 .48  .46 1.",
        # with a bar
        ".12 .07  .48 .05  .86 .05  .86 .05  .62 .50  .44 1. / .34 .54  .56 .51  .80 .50",
        # bowed, with a serif
        ".10 .20  .12 .06  .12 .06  .48 .08  .86 .02  .86 .02  .60 .36  .46 .68  .42 1.",
    ],
    8: [
        # an S and back
        ".78 .14  .50 .01  .24 .14  .28 .36  .54 .48  .78 .66  .74 .92  .46 1.  .20 .86  .28 .64"
        "  .56 .46  .76 .30  .78 .14",
        # two rounds
        ".52 .47  .26 .34  .28 .10  .52 .01  .76 .12  .76 .34  .52 .47 / .52 .47  .22 .60  .18 .86"
        "  .48 1.  .80 .88  .80 .62  .52 .47",
        # begun at the right, not quite closed
        ".80 .10  .54 .01  .26 .12  .30 .34  .58 .48  .80 .68  .70 .94  .40 .99  .20 .82  .32 .60"
        "  .60 .42  .84 .20",
    ],
    9: [
        # a round and a straight stem
        ".78 .14  .50 .01  .22 .16  .20 .40  .44 .52  .72 .38  .80 .10  .80 .10  .77 .55  .72 1.",
        # a round and a bowed stem
        ".76 .18  .52 .02  .24 .12  .18 .38  .42 .50  .70 .38  .80 .14  .80 .14  .82 .50  .72 .84"
        "  .48 1.  .22 .92",
        # the stem leaning
        ".74 .10  .46 .02  .22 .20  .28 .44  .54 .46  .76 .26  .80 .06  .80 .06  .68 .52  .50 1.",
    ],
}


def write(digit: int, hand: int) -> Strokes:
    """Return the strokes, in pixels of the canvas, in which a hand draws a digit.

    Parameters
    ----------
    digit : int, 0 to 9
    hand : int
        Below `N_HANDS` for those of the tests; any other number is a hand too.
    """
    habits = np.random.default_rng([hand, 1])
    slant = habits.uniform(-0.10, 0.40)
    width = habits.uniform(0.55, 0.85)
    turn = np.radians(habits.uniform(-6, 6))
    roundness = habits.uniform(0.0, 0.12)
    wobble = habits.uniform(0.004, 0.018)
    size = habits.uniform(0.45, 0.75) * CANVAS

    # and no hand draws two digits with quite the same
    now = np.random.default_rng([hand, digit, 2])
    slant += now.normal(0, 0.04)
    width *= now.uniform(0.92, 1.08)
    turn += np.radians(now.normal(0, 2))
    size *= now.uniform(0.92, 1.08)
    middle = CANVAS / 2 + now.uniform(-0.06, 0.06, 2) * CANVAS

    templates = _TEMPLATES[digit]
    template = templates[(hand + digit) % len(templates)]
    shear = np.array([[width, -slant], [0.0, 1.0]])  # the top leans to the right
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    strokes = []
    for stroke in template.split("/"):
        points = np.array(stroke.split(), float).reshape(-1, 2)
        points = points + now.normal(0, 0.012, points.shape)
        path = _rounded(_through(points), roundness)
        path = path - 0.5 + _waves(len(path), wobble, now)
        path = path @ (rotation @ shear).T * size + middle
        strokes.append([(float(x), float(y)) for x, y in np.clip(path, 2, CANVAS - 2)])
    return strokes


def draw(strokes: Strokes, width: int = CANVAS, pen: float = 15) -> np.ndarray:
    """Return strokes as a canvas of that width shows them: black, with round ends, on white.

    Parameters
    ----------
    strokes : list of lists of (x, y)
        In pixels of a canvas of 280 x 280.
    width : int
        Of the canvas drawn on, to which the strokes and the pen are scaled.
    pen : float
        Width of the line in pixels of the canvas of 280 x 280.

    Returns
    -------
    ndarray of shape (width, width), uint8
    """
    finer = max(4, -(-2 * CANVAS // width))  # for edges as smooth as a browser's
    scale = finer * width / CANVAS
    canvas = Image.new("L", (finer * width, finer * width), 255)
    brush = ImageDraw.Draw(canvas)
    radius = pen * scale / 2
    for stroke in strokes:
        points = [(x * scale, y * scale) for x, y in stroke]
        brush.line(points, fill=0, width=max(1, round(2 * radius)))
        for x, y in points:
            brush.ellipse((x - radius, y - radius, x + radius, y + radius), fill=0)
    return np.asarray(canvas.reduce(finer))


def _through(points: np.ndarray) -> np.ndarray:
    """Return a line through points, smooth but where a point is given twice.

    Catmull-Rom: the direction in a point is that from the one before to the one behind.
    """
    corner = np.flatnonzero(np.hypot(*np.diff(points, axis=0).T) < 0.06) + 1
    t = np.linspace(0, 1, 16, endpoint=False)[:, None]
    path = []
    for part in np.split(points, corner):
        p = np.vstack([2 * part[0] - part[1], part, 2 * part[-1] - part[-2]])
        for a, b, c, d in zip(p, p[1:], p[2:], p[3:], strict=False):
            cubic = (-a + 3 * b - 3 * c + d) * t**3 + (2 * a - 5 * b + 4 * c - d) * t**2
            path.append((cubic + (c - a) * t + 2 * b) / 2)
        path.append(part[-1:])
    return np.concatenate(path)


def _rounded(path: np.ndarray, roundness: float) -> np.ndarray:
    """Return a path whose corners are cut: a moving mean, the ends kept."""
    reach = round(roundness * 40)
    if reach == 0:
        return path
    padded = np.concatenate(
        [
            2 * path[0] - path[reach:0:-1],
            path,
            2 * path[-1] - path[-2 : -reach - 2 : -1],
        ]
    )
    window = np.ones(2 * reach + 1) / (2 * reach + 1)
    return np.column_stack([np.convolve(axis, window, "valid") for axis in padded.T])


def _waves(n: int, amplitude: float, random: np.random.Generator) -> np.ndarray:
    """Return slow displacements of n points: three waves of chance phase for each axis."""
    t = np.linspace(0, 1, n)[:, None, None]
    frequency = np.array([1.0, 2.3, 4.1])[None, :, None]
    phase = random.uniform(0, 2 * np.pi, (1, 3, 2))
    return amplitude * (np.sin(2 * np.pi * frequency * t + phase) / frequency**0.5).sum(axis=1)
