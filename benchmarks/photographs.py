"""Photographs of scikit-image's set cleaned by our denoiser, trained on others of the set.

    python benchmarks/photographs.py                         grey and colour, three noises
    python benchmarks/photographs.py --noise gaussian        one of them
    python benchmarks/photographs.py --out pictures          with pictures

README.md beside this file says how to read what it prints.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from lib.filter_tuning import as_bytes
from lib.harness import table
from lib.noisy import GAUSSIAN, SALT_AND_PEPPER, TEST_SEED, TITLES, TUNING_SEED, UNIFORM, Floats
from lib.photo_filters import PHOTO_FILTERS, PhotoFilter
from lib.program import new_parser, reporting
from lookalike import GaussianNoise, KNeighborsDenoiser, SaltAndPepper, UniformNoise, add_noise
from lookalike.evaluation.fidelity import peak_signal_noise_ratio, structural_similarity
from lookalike.images.noise import Noise

Bytes = NDArray[np.uint8]

NOISES: dict[str, Noise] = {
    UNIFORM: UniformNoise(0, 100),
    GAUSSIAN: GaussianNoise(25),
    SALT_AND_PEPPER: SaltAndPepper(0.2),
}
GREY, COLOUR = "grey", "colour"
TEST = {GREY: ("camera", "cat", "rocket"), COLOUR: ("astronaut", "cat", "rocket")}
TUNED_ON = ("coffee", "gravel", "stereo_motorcycle")
"""Where filters are tuned: crops of training photographs."""
TRAINING = (
    "astronaut", "brick", "cat", "coffee", "coins", "grass", "gravel", "hubble_deep_field",
    "immunohistochemistry", "moon", "rocket", "stereo_motorcycle",
)  # fmt: skip
CROP, QUICK_CROP = 160, 64
SHOWN = 200


def main() -> int:
    args = parse_arguments()
    packages = ["numpy", "scipy", "scikit-image", "PyWavelets", "bm3d"]
    with reporting("Photographs", packages, args.json) as (found, progress):
        for colours in (GREY, COLOUR) if args.colours == "all" else (args.colours,):
            for kind in TITLES if args.noise == "all" else (args.noise,):
                found[f"{colours}, {kind}"] = _run_noise(args, colours, kind, progress)
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = new_parser(__doc__, quick="crops, and our fast denoiser")
    add = parser.add_argument
    add("--noise", choices=[*TITLES, "all"], default="all", help="what spoils (%(default)s)")
    add("--colours", choices=[GREY, COLOUR, "all"], default="all", help="of which (%(default)s)")
    add("--out", type=Path, metavar="DIR", help="save pictures there")
    args = parser.parse_args()
    if find_spec("skimage") is None or find_spec("pywt") is None:
        parser.error("scikit-image or PyWavelets not installed: pip install '.[bench]'")
    return args


def photograph(name: str, colours: str) -> Bytes:
    """A photograph of scikit-image's set, as bytes; grey ones by its luminance."""
    from skimage import color, data

    image = getattr(data, name)()
    if isinstance(image, tuple):
        image = image[0]  # of a stereo pair
    if colours == GREY and image.ndim == 3:
        image = color.rgb2gray(image[..., :3]) * 255
    return as_bytes(image)


def _run_noise(
    args: argparse.Namespace, colours: str, kind: str, progress: Progress
) -> dict[str, Any]:
    """All methods on one noise."""
    noise = NOISES[kind]

    def load(names: tuple[str, ...], side: int | None) -> list[Bytes]:
        images = [photograph(name, colours) for name in names]
        middle = [tuple(max(0, (n - (side or n)) // 2) for n in one.shape[:2]) for one in images]
        cut = [
            one[y : y + (side or len(one)), x : x + (side or one.shape[1])]
            for one, (y, x) in zip(images, middle, strict=True)
        ]
        return [one for one in cut if one.ndim == (2 if colours == GREY else 3)]

    side = QUICK_CROP if args.quick else None
    truth = load(TEST[colours], side)
    noisy = [add_noise(one, noise, TEST_SEED) for one in truth]
    training = load(tuple(name for name in TRAINING if name not in TEST[colours]), side)

    quality = "fast" if args.quick else "best"
    start = perf_counter()
    denoiser = KNeighborsDenoiser(quality=quality, random_state=0, n_jobs=args.threads)
    progress.console.print(f"{colours}, {kind}: fitting ours on {len(training)} photographs")
    denoiser.fit(clean=training, noise=noise)
    fit_seconds = perf_counter() - start
    start = perf_counter()
    cleaned = {"noisy": noisy, "lookalike": [denoiser.predict([one])[0] for one in noisy]}
    taken = {"lookalike": perf_counter() - start}

    tuning = load(TUNED_ON, QUICK_CROP if args.quick else CROP)
    tuning_noisy = [add_noise(one, noise, TUNING_SEED) for one in tuning]
    settings, left_out = {}, []
    for one in PHOTO_FILTERS:
        if kind not in one.kinds or not one.is_installed:
            left_out += [one.name] if kind in one.kinds else []
            continue
        progress.console.print(f"{colours}, {kind}: {one.name}")
        apply = _applier(one, kind)
        settings[one.name] = max(
            one.strengths[: 2 if args.quick else None],
            key=lambda strength: np.mean(_ratios(apply(tuning_noisy, strength), tuning)),
        )
        start = perf_counter()
        cleaned[one.name] = apply(noisy, settings[one.name])
        taken[one.name] = perf_counter() - start

    rows = {
        name: [*_ratios(images, truth), *_similarities(images, truth)]
        for name, images in cleaned.items()
    }
    print(f"\n### {TITLES[kind]}, {colours}: {noise!r}\n")
    print(_table(rows, TEST[colours], taken))
    print(
        f"\nOurs was fitted in {fit_seconds:.0f} s on {len(training)} other photographs.", end=" "
    )
    print("Strengths: " + ", ".join(f"{name} {value}" for name, value in settings.items()) + ".")
    for name in left_out:
        print(f"{name}: not installed")
    if args.out is not None:
        args.out.mkdir(parents=True, exist_ok=True)
        _save(args.out / f"{colours}-{kind}.png", {**cleaned, "truth": truth})
    return {"rows": rows, "seconds": taken, "fit_seconds": fit_seconds, "strengths": settings}


def _applier(one: PhotoFilter, kind: str) -> Callable[[list[Any], Any], list[Floats]]:
    offset, sigma = (49.5, 100 / 12**0.5) if kind == UNIFORM else (0, 25.0)

    def apply(noisy: list[Any], strength: Any) -> list[Floats]:
        return [
            one.apply(im.astype(np.float32) - np.float32(offset), sigma, strength) for im in noisy
        ]

    return apply


def _ratios(images: list[Any], truth: list[Bytes]) -> list[float]:
    pairs = zip(images, truth, strict=True)
    return [float(peak_signal_noise_ratio(as_bytes(a)[None], b[None])[0]) for a, b in pairs]


def _similarities(images: list[Any], truth: list[Bytes]) -> list[float]:
    """The similarity of each image; that of a colour image is the mean of its planes."""
    found = []
    for image, true in zip(images, truth, strict=True):
        planes = (as_bytes(image), true)
        a, b = (p[None] if p.ndim == 2 else np.moveaxis(p, 2, 0) for p in planes)
        found.append(float(structural_similarity(a, b).mean()))
    return found


def _table(rows: dict[str, list[float]], names: tuple[str, ...], taken: dict[str, float]) -> str:
    lines = []
    for name, values in rows.items():
        n = len(names)
        line = [name]
        for at in range(n):
            line += [f"{values[at]:.2f}", f"{values[n + at]:.4f}"]
        line.append(f"{np.mean(values[:n]):.2f}")
        lines.append([*line, f"{taken[name]:.2f}" if name in taken else "–"])
    headers = [header for name in names for header in (f"{name}: dB", "SSIM")]
    return table(["", *headers, "mean dB", "s"], lines)


def _save(path: Path, cleaned: dict[str, list[Any]]) -> None:
    """A part of the first photograph, as each method leaves it."""
    from matplotlib.figure import Figure

    columns = (len(cleaned) + 1) // 2
    figure = Figure(figsize=(2.6 * columns, 5.6), layout="constrained")
    axes = figure.subplots(2, columns).ravel()
    for one in axes:
        one.set_axis_off()
    for one, (name, images) in zip(axes, cleaned.items(), strict=False):
        image = as_bytes(images[0])
        y, x = ((n - min(n, SHOWN)) // 3 for n in image.shape[:2])
        one.imshow(image[y : y + SHOWN, x : x + SHOWN], cmap="gray", vmin=0, vmax=255)
        one.set_title(name, fontsize=9)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    sys.exit(main())
