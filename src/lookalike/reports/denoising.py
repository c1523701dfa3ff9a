"""The report on noisy images and what methods make of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lookalike.evaluation.fidelity import Cleaned, Denoising
from lookalike.images.files import counted
from lookalike.reports.blocks import Block, Cell, Column, Gallery, Picture, Report, Section, Table
from lookalike.reports.pictures import picture

_SHOWN = 8  # images
_MEASURES = {"psnr": Column("PSNR, dB", ".2f"), "ssim": Column("SSIM", ".4f")}


def describe(found: Denoising) -> Report:
    """Return the report of images that were cleaned."""
    said = f"{counted(len(found.names), 'image')}, cleaned"
    section = denoising_section(found, rows=range(_SHOWN), each=True)
    return Report("Noisy images, cleaned", said, sections=[section], numbers=found.to_dict())


def denoising_section(
    found: Denoising,
    *,
    rows: Sequence[int],
    intro: Sequence[str] = (),
    each: bool = False,
) -> Section:
    """Show some images, and tell how near each method comes to the truth if it is known.

    ``rows`` are the images to show, as far as there are so many; at least one. ``intro`` says which
    noise, methods and images there are. With ``each``, the images are listed one by one.
    """
    blocks: list[Block] = [cleaned_gallery(found, [i for i in rows if i < len(found.names)])]
    if found.fidelities:
        blocks += [_methods_table(found), *([_fidelity_table(found)] if each else [])]
    return Section("Noisy images, cleaned", blocks, intro)


def cleaned_gallery(found: Denoising, rows: Sequence[int]) -> Gallery:
    """Show images as they were given, as each method leaves them, and the truth if it is known."""
    names = [one.name for one in found.shown]
    caption = f"From left to right: {', '.join(names)}."
    return Gallery([_line(found, row) for row in rows], caption)


def _methods_table(found: Denoising) -> Table:
    """Return the means over all images of each method."""
    has_accuracy = any(one.accuracy is not None for one in found.shown)
    columns: list[Column | str] = ["", *_MEASURES.values()]
    columns += [Column("accuracy", ".4f")] if has_accuracy else []
    rows: list[list[Cell]] = []
    for one in found.shown:
        measured = found.fidelities[one.name]._asdict().values()
        row: list[Cell] = [one.name, *(float(values.mean()) for values in measured)]
        if one is found.truth:
            row[1:] = [None] * len(_MEASURES)
        if has_accuracy or one is not found.truth:
            rows.append([*row, *([one.accuracy] if has_accuracy else []), one.seconds])
    caption = f"Means over {counted(len(found.names), 'image')}, compared with the truth"
    return Table([*columns, Column("seconds", ".2f")], rows, caption)


def _fidelity_table(found: Denoising) -> Table:
    """Return how near each image comes to the truth, by each method."""
    columns: list[Column | str] = ["image"]
    columns += [
        Column(f"{one.name}, {unit}", column.spec)
        for unit, column in zip(("dB", "SSIM"), _MEASURES.values(), strict=True)
        for one in found.methods
    ]
    measured = [
        found.fidelities[one.name]._asdict()[measure].tolist()
        for measure in _MEASURES
        for one in found.methods
    ]
    rows = list(zip(found.names, *measured, strict=True))
    return Table(columns, rows, "Each image, compared with the truth")


def _line(found: Denoising, row: int) -> Picture:
    noisy, *others = [_picture(found, one, row) for one in found.shown]
    named = [noisy.caption[0], found.names[row], *noisy.caption[1:]]
    return replace(noisy, caption=named, neighbors=others)


def _picture(found: Denoising, one: Cleaned, row: int) -> Picture:
    low, high = 0.0, float(found.brightest)
    if one is found.methods[0]:  # values beyond black and white can be told apart too
        low, high = min(low, float(one.images.min())), max(high, float(one.images.max()))
    caption = [one.name]
    if found.fidelities and one is not found.truth:
        caption.append(f"{found.fidelities[one.name].psnr[row]:.1f} dB")
    alt = f"{found.names[row]}, {one.name}"
    return picture(one.images[row] - low, high - low, alt, caption)
