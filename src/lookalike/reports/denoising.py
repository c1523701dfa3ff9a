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
    title: str = "Noisy images, cleaned",
    each: bool = False,
) -> Section:
    """Show some images, and tell how near each method comes to the truth if it is known.

    Parameters
    ----------
    found : Denoising
    rows : sequence of int
        The images to show, as far as there are so many; at least one.
    intro : sequence of str
        Paragraphs that say which noise, methods and images there are.
    title : str
    each : bool, default=False
        Whether to list how near each image comes to the truth.
    """
    blocks: list[Block] = [cleaned_gallery(found, [i for i in rows if i < len(found.names)])]
    if found.fidelities:
        blocks += [methods_table(found), *([fidelity_table(found)] if each else [])]
    return Section(title, blocks, intro)


def cleaned_gallery(found: Denoising, rows: Sequence[int]) -> Gallery:
    """Show images as they were given, as each method leaves them, and the truth if it is known.

    Parameters
    ----------
    found : Denoising
    rows : sequence of int, at least one
    """
    names = [one.name for one in found.shown]
    caption = f"From left to right: {', '.join(names)}."
    return Gallery([_line(found, row) for row in rows], caption)


def methods_table(found: Denoising) -> Table:
    """Return the means over all images of each method; the truth must be known."""
    has_accuracy = any(one.accuracy is not None for one in found.shown)
    columns: list[Column | str] = [
        "",
        *_MEASURES.values(),
        *([Column("accuracy", ".4f")] if has_accuracy else []),
    ]
    rows: list[list[Cell]] = []
    for one in found.shown:
        measured = found.fidelities[one.name]._asdict().values()
        row: list[Cell] = [one.name, *(float(values.mean()) for values in measured)]
        if one is found.truth:
            row = [one.name, None, None]
            if not has_accuracy:
                continue
        rows.append([*row, *([one.accuracy] if has_accuracy else []), one.seconds])
    caption = f"Means over {counted(len(found.names), 'image')}, compared with the truth"
    return Table([*columns, Column("seconds", ".2f")], rows, caption)


def fidelity_table(found: Denoising) -> Table:
    """Return how near each image comes to the truth, which must be known, by each method."""
    columns: list[Column | str] = ["image"]
    for measure, column in zip(("dB", "SSIM"), _MEASURES.values(), strict=True):
        columns += [Column(f"{one.name}, {measure}", column.spec) for one in found.methods]
    rows: list[list[Cell]] = [
        [
            name,
            *(
                float(found.fidelities[one.name]._asdict()[measure][i])
                for measure in _MEASURES
                for one in found.methods
            ),
        ]
        for i, name in enumerate(found.names)
    ]
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
