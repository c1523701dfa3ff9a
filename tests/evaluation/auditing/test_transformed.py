"""Copies that differ in every pixel: what is found, how it is explained, and what is no copy."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from lookalike.evaluation.auditing.audit import audit
from lookalike.evaluation.auditing.duplicates import Links
from lookalike.evaluation.auditing.transformed import confirm_copies, find_transformed

Pictures = NDArray[np.uint8]

N, SIDE = 80, 48


def draw(seed: int) -> Image.Image:
    """Some random shapes on white."""
    rng = np.random.default_rng(seed)
    picture = Image.new("RGB", (SIDE, SIDE), "white")
    pen = ImageDraw.Draw(picture)
    for _ in range(6):
        x, y = rng.integers(4, 30, 2)
        wide, high = rng.integers(4, 15, 2)
        colour = tuple(int(c) for c in rng.integers(0, 200, 3))
        box = (x, y, x + wide, y + high)
        (pen.ellipse if rng.random() < 0.5 else pen.rectangle)(box, fill=colour)
    return picture


@pytest.fixture(scope="module")
def pictures() -> list[Image.Image]:
    return [draw(seed) for seed in range(N)]


def jpeg(picture: Image.Image) -> Image.Image:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=75, subsampling=0)
    return Image.open(stream).convert("RGB")


def moved(picture: Image.Image) -> Image.Image:
    pixels = np.pad(np.asarray(picture), [(2, 0), (0, 2), (0, 0)], mode="edge")
    return Image.fromarray(np.ascontiguousarray(pixels[:SIDE, -SIDE:]))


TURN = Image.Transpose
CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "mirrored": lambda p: p.transpose(TURN.FLIP_LEFT_RIGHT),
    "mirrored upside down": lambda p: p.transpose(TURN.FLIP_TOP_BOTTOM),
    "turned 90°": lambda p: p.transpose(TURN.ROTATE_90),
    "turned 180°": lambda p: p.transpose(TURN.ROTATE_180),
    "turned 270°": lambda p: p.transpose(TURN.ROTATE_270),
    "shifted": moved,
    "cropped": lambda p: p.resize(p.size, Image.Resampling.BICUBIC, box=(1, 1, 46, 46)),
    "resized or recompressed": jpeg,
    "brighter": lambda p: p.point([min(255, v + 30) for v in range(256)] * 3),
}


def stack(pictures: list[Image.Image]) -> Pictures:
    return np.stack([np.asarray(picture) for picture in pictures])


def found(links: Links) -> dict[tuple[int, int], str]:
    ends = zip(links.first.tolist(), links.second.tolist(), strict=True)
    return dict(zip(ends, links.how, strict=True))


@pytest.mark.slow("searches for each of many changes")
@pytest.mark.parametrize("how", CHANGES)
def test_copies_are_found_and_explained(pictures: list[Image.Image], how: str) -> None:
    copies = [CHANGES[how](picture) for picture in pictures[:10]]
    links = found(find_transformed(stack([*pictures, *copies])))
    expected = {(i, N + i) for i in range(10)}
    assert len(expected & set(links)) >= 9
    assert set(links) <= expected
    assert [links[pair] for pair in expected & set(links)].count(how) >= 8


def test_the_way_back_is_explained_too(pictures: list[Image.Image]) -> None:
    turned = [picture.transpose(TURN.ROTATE_90) for picture in pictures[:5]]
    links = found(find_transformed(stack([*turned, *pictures])))
    assert [links[i, 5 + i] for i in range(5)] == ["turned 270°"] * 5


def test_others_are_no_copies(pictures: list[Image.Image]) -> None:
    assert found(find_transformed(stack(pictures))) == {}
    grey = stack([picture.convert("L") for picture in pictures])
    assert found(find_transformed(grey)) == {}


def test_specks_are_copies_only_in_their_place(pictures: list[Image.Image]) -> None:
    def speck(y: int, x: int) -> Image.Image:
        pixels = np.full((SIDE, SIDE, 3), 255, np.uint8)
        pixels[y : y + 3, x : x + 4] = 120
        pixels[y + 1, x] = 30
        return Image.fromarray(pixels)

    specks = [speck(10, 10), speck(10, 10).transpose(TURN.ROTATE_90), speck(12, 13)]
    links = found(find_transformed(stack([*pictures[:40], *specks])))
    assert links == {(40, 41): "turned 90°"}


def test_stripes_are_no_copies_of_one_another(pictures: list[Image.Image]) -> None:
    flag = np.full((SIDE, SIDE, 3), 255, np.uint8)
    flag[SIDE // 2 :] = 255, 0, 0
    framed = np.rot90(flag).copy()
    framed[[1, -2]] = framed[:, [1, -2]] = 0
    flags = [Image.fromarray(flag), Image.fromarray(framed)]
    assert found(find_transformed(stack([*pictures[:40], *flags]))) == {}


def test_padded_copies_are_unpadded_by_the_sizes_of_their_files() -> None:
    whole = [np.random.default_rng(i).integers(0, 256, (3, 6, 3), np.uint8) for i in range(60)]
    wide = [Image.fromarray(w).resize((96, 48), Image.Resampling.BICUBIC) for w in whole]
    cut = [w.resize(w.size, Image.Resampling.BICUBIC, box=(3, 2, 94, 47)) for w in wide[:10]]

    def padded(picture: Image.Image) -> NDArray[np.uint8]:
        ground = Image.new("RGB", (48, 48), "white")
        ground.paste(picture.resize((48, 24)), (0, 12))
        return np.asarray(ground)

    images = np.stack([padded(picture) for picture in [*wide, *cut]])
    sizes = np.tile([48, 96], (70, 1))
    links = found(find_transformed(images, sizes=sizes))
    assert {(i, 60 + i) for i in range(10)} <= set(links)


def test_pale_pictures_do_not_explain_each_other() -> None:
    pale = np.full((2, 32, 32), 255, np.uint8)
    pale[0, 8:14, 8:20] = 235
    pale[1, 20:26, 8:14] = 235
    assert confirm_copies(pale[[0, 0]], pale[[0, 1]]).tolist() == [True, False]


def test_groups_and_leaks_hold_transformed_copies(pictures: list[Image.Image]) -> None:
    mirrored = CHANGES["mirrored"](pictures[3])
    images, labels = stack([*pictures, mirrored]), np.arange(N + 1) % 2
    result = audit(images, labels, n_train=N)
    (group,) = result.duplicates
    assert (group.kind, group.rows.tolist(), group.how) == (
        "transformed",
        [3, N],
        ("", "mirrored"),
    )
    (leak,) = result.leaks or []
    assert (leak.kind, leak.test_row, leak.train_row, leak.how) == ("transformed", 0, 3, "mirrored")
    apart = audit(images[:N], labels[:N], test=(images[N:], labels[N:]))
    assert apart.duplicates == []
    (leak,) = apart.leaks or []
    assert (leak.kind, leak.test_row, leak.train_row, leak.how) == ("transformed", 0, 3, "mirrored")
    assert audit(images, labels, transformed=False).duplicates == []
