"""A report as files: the page, and its JSON twin beside it."""

from __future__ import annotations

import os
from pathlib import Path

from lookalike.images.files import filled_folder
from lookalike.reports.as_json import to_json
from lookalike.reports.blocks import Report
from lookalike.reports.html import to_html


def write_report(place: str | os.PathLike[str], report: Report) -> list[str]:
    """Write a report as one HTML file that needs no other, and as JSON.

    The files appear whole or not at all: both are written elsewhere and move there at the end.

    Parameters
    ----------
    place : str or path
        A folder, made if it is missing, for ``report.html`` and ``report.json``; or a path that
        ends in ``.html``, beside which the twin gets the same name.
    report : Report

    Returns
    -------
    list of str
        The names of the two files in their folder, the page first.

    Raises
    ------
    OSError
        If the files cannot be written.
    TypeError
        If ``report.numbers`` holds what has no like in JSON.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from lookalike.reports.blocks import Headline
    >>> report = Report("Digits", headline=[Headline("accuracy", "97.1 %", "of 10,000")])
    >>> with TemporaryDirectory() as folder:
    ...     write_report(folder, report)
    ['report.html', 'report.json']
    """
    path = Path(place)
    page = path if path.suffix == ".html" and not path.is_dir() else path / "report.html"
    texts = {page.name: to_html(report), page.with_suffix(".json").name: to_json(report)}
    with filled_folder(page.parent) as folder:
        for name, text in texts.items():
            # Names of classes may come from names of files, which need not be Unicode; what is
            # written for such bytes is their escape in JSON.
            (folder / name).write_bytes(text.encode("utf-8", "backslashreplace"))
    return list(texts)
