"""Noises read from text: what is allowed, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike import GaussianNoise, SaltAndPepper, UniformNoise, add_noise
from lookalike.images.expression import NOISES, noise_text, parse_noise
from lookalike.images.noise import Noise


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("uniform:100", UniformNoise(0, 100)),
        (" uniform : 50 ", UniformNoise(0, 50)),
        ("uniform:-20,20", UniformNoise(-20, 20)),
        ("uniform:0.,.5", UniformNoise(0.0, 0.5)),
        ("gaussian:50", GaussianNoise(50)),
        ("gaussian:2.5", GaussianNoise(2.5)),
        ("saltpepper:0.2", SaltAndPepper(0.2)),
        ("uniform:9+gaussian:5", UniformNoise(0, 9) + GaussianNoise(5)),
        (
            "gaussian:5 + saltpepper:1 + uniform:3",
            GaussianNoise(5) + SaltAndPepper(1) + UniformNoise(0, 3),
        ),
    ],
)
def test_noises(text: str, expected: Noise) -> None:
    assert parse_noise(text) == expected


def test_whole_numbers_suit_whole_pixels() -> None:
    noisy = add_noise(np.full(10_000, 255, dtype=np.uint8), parse_noise("uniform:100"), 0)
    assert (noisy.min(), noisy.max(), noisy.dtype) == (255, 354, np.int16)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "a noise is missing"),
        ("uniform:100+", "a noise is missing"),
        ("100", "'100' is none of uniform, gaussian, saltpepper"),
        ("Uniform:100", "'Uniform' is none of"),
        ("poisson:3", "'poisson' is none of"),
        ("uniform", "uniform lacks its numbers, uniform:HIGH or uniform:LOW,HIGH"),
        ("gaussian:", "gaussian lacks its numbers, gaussian:SIGMA"),
        ("uniform:1,2,3", "uniform has 3 numbers instead of uniform:HIGH or uniform:LOW,HIGH"),
        ("saltpepper:.1,.2", "saltpepper has 2 numbers instead of saltpepper:SHARE"),
        ("uniform:many", "'many' is not a number, for example 100"),
        ("uniform:1,", "'' is not a number"),
        ("uniform:1e3", "'1e3' is not a number"),
        ("gaussian:²", "'²' is not a number"),
        ("gaussian:٣", "'٣' is not a number"),
        ("gaussian:nan", "'nan' is not a number"),
        ("gaussian:+5", "gaussian lacks its numbers"),
        ("gaussian:5:5", "'5:5' is not a number"),
        ("UniformNoise(0, 100)", r"'UniformNoise\(0, 100\)' is none of"),
        ("gaussian:" + "9" * 5000, "of 5,009 characters is too long; give at most 1,000"),
    ],
)
def test_all_else_is_one_line_that_names_what_is_allowed(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        parse_noise(text)
    message = str(caught.value)
    assert "\n" not in message
    assert "too long" in message or "give uniform:HIGH or uniform:LOW,HIGH or gaussian:SIGMA" in (
        message
    )


words = st.sampled_from([*NOISES, "1", "0.5", "-3", "1e9", *":+,.- \n\té"])


@given(st.one_of(st.text(max_size=40), st.lists(words, max_size=20).map("".join)))
def test_any_text_is_a_noise_or_a_value_error(text: str) -> None:
    try:
        noise = parse_noise(text)
    except ValueError:
        return
    assert isinstance(noise, Noise)
    assert repr(noise)


@pytest.mark.parametrize(
    ("noise", "text"),
    [
        (UniformNoise(0, 100), "uniform:100"),
        (UniformNoise(-20, 20), "uniform:-20,20"),
        (
            GaussianNoise(2.5) + SaltAndPepper(0.1) + UniformNoise(0, 6),
            "gaussian:2.5+saltpepper:0.1+uniform:6",
        ),
    ],
)
def test_noise_is_told_as_it_is_given(noise: Noise, text: str) -> None:
    assert noise_text(noise) == text
    assert parse_noise(text) == noise


def test_noise_that_no_text_stands_for() -> None:
    noise = GaussianNoise(3, value_range=(0, 16))
    assert noise_text(noise) == repr(noise)
    assert noise_text(None) == "what its training pairs differ by"
