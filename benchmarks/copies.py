"""Copies that were changed: how many of those planted are found, and what is called a copy wrongly.

    python benchmarks/copies.py            MNIST's training images and clipart

Beside it a perceptual hash of the library imagehash, where it is installed: two pictures are copies
if their hashes, in one of the eight mirrored and turned variants, differ in at most HASH_BITS bits.
The audit's limits were chosen on copies planted in these same two data sets, by other seeds.

Some of clipart's pictures are copies of others: the same arrow, turned. copies_of_clipart.txt lists
groups of those that someone looked at and found to be one drawing, mirrored, turned or resized, or
one drawing that its author edited. A pair of pictures that is called a copy, is not exact and not
listed is a false alarm.
README.md beside this file says how to read what it prints.
"""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from lib.harness import table
from lib.program import count, new_parser, reporting

Picture = Image.Image
Change = Callable[[Picture, np.random.Generator], Picture]
_Turn = Image.Transpose

SIDE = 64
"""Pixels to which clipart's pictures are stretched, both the files and their changed copies."""

LISTED = Path(__file__).with_name("copies_of_clipart.txt")

DRAWS, DRAWN = 20, 300
"""Small sets that share no picture, drawn from a data set that has enough, and their pictures."""

HASH_BITS = 4
"""Of 64 in which the hashes of copies may differ: our choice, not tuned; more finds more."""

ROUNDS = 5
"""How often copies are planted in a data set that has few pictures."""


def _shift(picture: Picture, rng: np.random.Generator) -> Picture:
    moves = [(y, x) for y in range(-2, 3) for x in range(-2, 3) if (y, x) != (0, 0)]
    y, x = moves[rng.integers(len(moves))]
    pixels = np.asarray(picture)
    height, width = pixels.shape[:2]
    wide = np.pad(pixels, [(2, 2), (2, 2), *[(0, 0)] * (pixels.ndim - 2)], mode="edge")
    return Image.fromarray(np.ascontiguousarray(wide[2 + y :, 2 + x :][:height, :width]))


def _crop(picture: Picture, rng: np.random.Generator) -> Picture:
    width, height = picture.size
    left, top = rng.random(2) * 0.05 * (width, height)
    box = (left, top, left + 0.95 * width, top + 0.95 * height)
    return picture.resize(picture.size, Image.Resampling.BICUBIC, box=box)


def _resize(picture: Picture, rng: np.random.Generator) -> Picture:
    share = rng.choice([0.7, 1.5])
    small = picture.resize(
        (round(picture.width * share), round(picture.height * share)), Image.Resampling.BICUBIC
    )
    return small.resize(picture.size, Image.Resampling.BICUBIC)


def _compress(picture: Picture, rng: np.random.Generator) -> Picture:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=int(rng.integers(50, 91)))
    return Image.open(stream).convert(picture.mode)


CHANGES: dict[str, Change] = {
    "mirrored": lambda picture, _: picture.transpose(_Turn.FLIP_LEFT_RIGHT),
    "turned 90°": lambda picture, _: picture.transpose(_Turn.ROTATE_90),
    "turned 180°": lambda picture, _: picture.transpose(_Turn.ROTATE_180),
    "turned 270°": lambda picture, _: picture.transpose(_Turn.ROTATE_270),
    "shifted up to 2 pixels": _shift,
    "cropped by 5 %": _crop,
    "resized to 70 or 150 %": _resize,
    "JPEG of quality 50 to 90": _compress,
    "brightened by 20 %": lambda picture, _: ImageEnhance.Brightness(picture).enhance(1.2),
}


def main() -> int:
    parser = new_parser(__doc__, threads=False, quick=None)
    parser.add_argument("--data", nargs="*", default=["mnist", "clipart"])
    parser.add_argument("--rows", type=count, help="at most so many pictures")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if "LOOKALIKE_DATA" not in os.environ:
        parser.error("set LOOKALIKE_DATA to the folder that holds mnist/ and clipart/")
    with reporting("Copies", ["imagehash", "numpy"], args.json) as (found, _):
        for name in args.data:
            found[name] = _run(name, args.rows, args.seed)
    return 0


def _run(name: str, n_rows: int | None, seed: int) -> dict[str, Any]:
    pictures, fit, names = _load(name)
    pictures = pictures[:n_rows]
    n, n_each = len(pictures), max(100, min(600, len(pictures) // 100))
    # A hundred copies of each change tell a share of 95 % to within two points only.
    n_rounds = 1 if n_each > 100 else ROUNDS
    known = np.stack([fit(picture) for picture in pictures])
    groups = _group(known, names)
    contenders: dict[str, Callable[[NDArray[np.uint8]], set[tuple[int, int]]]] = {
        "lookalike audit": _ours
    }
    if find_spec("imagehash"):
        contenders |= {f"imagehash {kind}": _hashes(kind) for kind in ("phash",)}
    hits: dict[str, dict[str, list[float]]] = {one: {} for one in contenders}
    called: dict[str, list[set[tuple[int, int]]]] = {one: [] for one in contenders}
    seconds = dict.fromkeys(contenders, 0.0)
    for number in range(n_rounds):
        planted = _plant(pictures, fit, n_each, np.random.default_rng([seed, number]))
        images = np.concatenate([known, np.stack([copy for _, _, copy in planted])])
        for contender, search in contenders.items():
            start = time.process_time()
            pairs = search(images)
            seconds[contender] += (time.process_time() - start) / n_rounds
            called[contender].append({pair for pair in pairs if max(pair) < n})
            for i, (change, row, copy) in enumerate(planted):
                # A picture that its change leaves as it was, such as a mirrored disc, is exact.
                if (known[row] != copy).any():
                    hits[contender].setdefault(change, []).append((row, n + i) in pairs)
    found: dict[str, Any] = {}
    for contender, of_change in hits.items():
        false = [
            {(one, other) for one, other in before if groups[one] != groups[other]}
            for before in called[contender]
        ]
        n_false_rows = np.mean([len(_rows(pairs)) for pairs in false])
        found[contender] = {
            **{change: float(np.mean(own)) for change, own in of_change.items()},
            "pairs called copies that were there": f"{len(set().union(*called[contender])):,}",
            "of these false alarms, in any round": f"{len(set().union(*false)):,}",
            "pictures in false alarms, of 1,000 a round": f"{n_false_rows / n * 1000:.2f}",
            "CPU seconds a round": f"{seconds[contender]:.1f}",
        }
    rounds = f", in each of {n_rounds} rounds" if n_rounds > 1 else ""
    print(f"\n### {name}: {n:,} pictures, {n_each} copies planted of each change{rounds}\n")
    rows = [
        (what, *(_told(found[contender][what]) for contender in found))
        for what in next(iter(found.values()))
    ]
    print(table(["", *found], rows))
    in_small = None
    if n >= DRAWS * DRAWN:
        in_small = _in_small_sets(known, groups, np.random.default_rng([seed, DRAWN]))
        print(f"\nIn {DRAWS} draws of {DRAWN} pictures: {in_small:.2f} of 1,000 in false alarms.")
    return {"n": n, "n_each": n_each, "found": found, "in_small_sets": in_small}


def _plant(
    pictures: list[Picture],
    fit: Callable[[Picture], NDArray[np.uint8]],
    n_each: int,
    rng: np.random.Generator,
) -> list[tuple[str, int, NDArray[np.uint8]]]:
    """Return changed copies: the change, the row of the picture, and the copy."""
    return [
        (change, row, fit(apply(pictures[row], rng)))
        for change, apply in CHANGES.items()
        for row in rng.choice(len(pictures), n_each, replace=False).tolist()
    ]


def _in_small_sets(known: NDArray[np.uint8], groups: list[int], rng: np.random.Generator) -> float:
    """Return how many pictures of 1,000 are in false alarms of audits of small sets."""
    n_false = 0
    for rows in rng.permutation(len(known))[: DRAWS * DRAWN].reshape(DRAWS, DRAWN):
        pairs = _ours(known[rows])
        n_false += len(_rows({(i, j) for i, j in pairs if groups[rows[i]] != groups[rows[j]]}))
    return n_false / (DRAWS * DRAWN) * 1000


def _rows(pairs: set[tuple[int, int]]) -> set[int]:
    return {row for pair in pairs for row in pair}


def _group(known: NDArray[np.uint8], names: list[str]) -> list[int]:
    """Return a number for each picture, the same for copies: exact ones and those listed."""
    row_of = {name: row for row, name in enumerate(names)}
    lines = LISTED.read_text(encoding="utf-8").splitlines()
    listed = [line.split(" | ") for line in lines if line and not line.startswith("#")]
    sets = [[row_of[name] for name in line if name in row_of] for line in listed]
    of_pixels: dict[bytes, list[int]] = {}
    for row, picture in enumerate(known):
        of_pixels.setdefault(picture.tobytes(), []).append(row)
    groups = list(range(len(known)))
    for rows in (*sets, *of_pixels.values()):
        merged = {groups[row] for row in rows if row < len(known)}
        if len(merged) > 1:
            groups = [min(merged) if group in merged else group for group in groups]
    return groups


def _told(value: float) -> str:
    return str(value) if isinstance(value, str) else f"{value:.1%}"


def _load(name: str) -> tuple[list[Picture], Callable[[Picture], NDArray[np.uint8]], list[str]]:
    """Return pictures, what brings one to the form of all, and the names of their files, if any."""
    from lookalike import load_dataset

    if name != "clipart":
        images = load_dataset(name).train.images
        return [Image.fromarray(image) for image in images], np.asarray, []
    folder = Path(os.environ["LOOKALIKE_DATA"]) / name
    pictures = []
    paths = sorted(folder.glob("*/*/*"))
    for path in paths:
        with Image.open(path) as image:
            shown = image.convert("RGBA")
        white = Image.new("RGBA", shown.size, "white")
        pictures.append(Image.alpha_composite(white, shown).convert("RGB"))

    def fit(picture: Picture) -> NDArray[np.uint8]:
        return np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS))

    return pictures, fit, [f"{path.parent.name}/{path.name}" for path in paths]


def _ours(images: NDArray[np.uint8]) -> set[tuple[int, int]]:
    """Return pairs that stand in one group of copies of an audit."""
    from lookalike.evaluation.auditing.audit import audit

    labels = np.arange(len(images)) % 2
    pairs = set()
    for group in audit(images, labels).duplicates:
        rows = group.rows.tolist()
        pairs |= {(one, other) for one in rows for other in rows if one < other}
    return pairs


def _hashes(kind: str) -> Callable[[NDArray[np.uint8]], set[tuple[int, int]]]:
    def search(images: NDArray[np.uint8]) -> set[tuple[int, int]]:
        import imagehash

        from lookalike import NearestNeighbors

        hash_of = getattr(imagehash, kind)

        def bits(variant: _Turn | None) -> NDArray[np.uint8]:
            pictures = map(Image.fromarray, images)
            turned = (p if variant is None else p.transpose(variant) for p in pictures)
            return np.stack([hash_of(p).hash.ravel() for p in turned]).astype(np.uint8)

        as_is = bits(None)
        # Bits that differ are the squared distance; more than 20 neighbours are too many to list.
        search = NearestNeighbors(n_neighbors=min(20, len(images)), metric="sqeuclidean").fit(as_is)
        pairs = set()
        for variant in (None, *_Turn):
            distances, rows = search.kneighbors(as_is if variant is None else bits(variant))
            for i, j in np.argwhere(distances <= HASH_BITS).tolist():
                other = int(rows[i, j])
                if other != i:
                    pairs.add((min(i, other), max(i, other)))
        return pairs

    return search


if __name__ == "__main__":
    sys.exit(main())
