"""The colours of a report, in light and in dark.

All reach the contrast that WCAG 2.2 asks for: 4.5 to 1 for text, 3 to 1 for what is drawn. The
first six series keep apart for the colour-blind too: their hues are near those of Okabe and Ito
[1]_, their lightness was chosen such that the two most alike, to normal eyes and to those without
red or green cones, differ most. The tests measure both. A chart of more series has to tell them
apart by more than colour.

Charts are drawn in matplotlib's default colours, which name roles here: black is the ink, white
the page, and the colours of the default cycle are the series.

References
----------
.. [1] Okabe, Ito, "Color universal design (CUD): how to make figures and presentations that are
   friendly to colorblind people", 2008.
"""

from __future__ import annotations

LIGHT = {
    "page": "#fdfcf9",
    "surface": "#f5f3ee",
    "ink": "#1d2126",
    "muted": "#59626c",
    "rule": "#dedad1",
    "grid": "#dcd9d2",
    "accent": "#0b5a8f",
    "right": "#1a7338",
    "wrong": "#b3261e",
    "series-1": "#0072b2",
    "series-2": "#da6e05",
    "series-3": "#009e7c",
    "series-4": "#7d1944",
    "series-5": "#233e84",
    "series-6": "#7b580d",
    "series-7": "#2f8fb8",
    "series-8": "#6e6e6e",
    "series-9": "#7d8b1f",
    "series-10": "#a33b3b",
}

DARK = {
    "page": "#14181d",
    "surface": "#1d232a",
    "ink": "#e7eaed",
    "muted": "#a4aeb8",
    "rule": "#333b44",
    "grid": "#2d353e",
    "accent": "#7cc0f2",
    "right": "#5fd07f",
    "wrong": "#ff8d82",
    "series-1": "#56b4e9",
    "series-2": "#e79b42",
    "series-3": "#60f4db",
    "series-4": "#fb3e8e",
    "series-5": "#857afe",
    "series-6": "#ede143",
    "series-7": "#8fd3ee",
    "series-8": "#b3b3b3",
    "series-9": "#c3d15c",
    "series-10": "#e88f8f",
}

# Of cells in a heat map: from nothing to this colour, at this opacity. Ink can be read on it, the
# dark ink on the light page and the light ink on the dark one.
HEAT, HEAT_OPACITY = "#2a7fc0", 0.62

_CYCLE = (
    "#1f77b4",
    "#ff7f0e",
    "#2ca02c",
    "#d62728",
    "#9467bd",
    "#8c564b",
    "#e377c2",
    "#7f7f7f",
    "#bcbd22",
    "#17becf",
)

# What stands in the page for the colours that matplotlib draws in.
OF_MATPLOTLIB = {
    "#000000": "currentColor",
    "#ffffff": "var(--page)",
    "#b0b0b0": "var(--grid)",
    "#cccccc": "var(--rule)",
    "#808080": "var(--muted)",
    **{colour: f"var(--series-{i})" for i, colour in enumerate(_CYCLE, start=1)},
}
