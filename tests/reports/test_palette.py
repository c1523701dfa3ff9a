"""The colours of a report, by the measures of WCAG 2.2 and of colour vision."""

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from numpy.typing import NDArray

from lookalike.reports.palette import DARK, HEAT, HEAT_OPACITY, LIGHT

THEMES = {"light": LIGHT, "dark": DARK}
TEXT = ["ink", "muted", "accent", "right", "wrong"]
SERIES = [f"series-{i}" for i in range(1, 11)]

# Machado, Oliveira, Fernandes, "A physiologically-based model for simulation of color vision
# deficiency", IEEE TVCG 2009, severity 1.0, on linear RGB.
VISION = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
}


def linear(colour: str) -> NDArray[np.float64]:
    rgb = np.array(to_rgb(colour))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def contrast(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Of two linear colours, as WCAG defines it."""
    weights = np.array([0.2126, 0.7152, 0.0722])
    low, high = sorted([float(weights @ a) + 0.05, float(weights @ b) + 0.05])
    return high / low


def test_contrast_is_that_of_wcag() -> None:
    assert contrast(linear("#ffffff"), linear("#000000")) == pytest.approx(21)
    assert contrast(linear("#ffffff"), linear("#777777")) == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", THEMES)
def test_themes_define_the_same_colours(theme: str) -> None:
    assert THEMES[theme].keys() == LIGHT.keys()


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("ground", ["page", "surface"])
@pytest.mark.parametrize("name", TEXT)
def test_text_has_contrast(theme: str, ground: str, name: str) -> None:
    colours = THEMES[theme]
    assert contrast(linear(colours[name]), linear(colours[ground])) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", SERIES)
def test_series_have_contrast(theme: str, name: str) -> None:
    assert contrast(linear(THEMES[theme][name]), linear(THEMES[theme]["page"])) >= 3


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 0.75, 1.0])
def test_ink_can_be_read_on_heat(theme: str, share: float) -> None:
    opacity = share * HEAT_OPACITY
    page, heat = (np.array(to_rgb(colour)) for colour in (THEMES[theme]["page"], HEAT))
    cell = tuple(opacity * heat + (1 - opacity) * page)
    assert contrast(linear(cell), linear(THEMES[theme]["ink"])) >= 4.5  # type: ignore[arg-type]


def test_full_heat_stands_out() -> None:
    for colours in THEMES.values():
        page, heat = (np.array(to_rgb(colour)) for colour in (colours["page"], HEAT))
        cell = tuple(HEAT_OPACITY * heat + (1 - HEAT_OPACITY) * page)
        assert contrast(linear(cell), linear(colours["page"])) >= 1.8  # type: ignore[arg-type]


def lab(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """CIE L*a*b* of a linear colour, by daylight (D65)."""
    to_xyz = np.array(
        [
            [0.4124564, 0.3575761, 0.1804375],
            [0.2126729, 0.7151522, 0.0721750],
            [0.0193339, 0.1191920, 0.9503041],
        ]
    )
    xyz = to_xyz @ rgb / np.array([0.95047, 1.0, 1.08883])
    x, y, z = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz * (29 / 6) ** 2 / 3 + 4 / 29)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_lab_is_that_of_cie() -> None:
    # The red of sRGB, as every table of colours has it.
    np.testing.assert_allclose(lab(linear("#ff0000")), [53.24, 80.09, 67.20], atol=0.02)


def seen_as(colours: dict[str, str], vision: str) -> Iterator[tuple[str, NDArray[np.float64]]]:
    for name in SERIES[:6]:
        yield name, lab(np.clip(VISION[vision] @ linear(colours[name]), 0, 1))


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("vision", VISION)
def test_first_six_series_keep_apart(theme: str, vision: str) -> None:
    seen = list(seen_as(THEMES[theme], vision))
    for (name, a), (other, b) in itertools.combinations(seen, 2):
        difference = float(np.linalg.norm(a - b))
        assert difference >= 15, f"{name} and {other} are alike: {difference:.1f}"
