"""A report as files: the page and its JSON twin, with the facts of the run that made it."""

from __future__ import annotations

import os
import platform
from dataclasses import replace
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lookalike import __version__
from lookalike.images.files import filled_folder
from lookalike.reports.as_json import to_json
from lookalike.reports.blocks import Report
from lookalike.reports.html import to_html
from lookalike.search.machine import count_threads, cpu_path

_LIBRARIES = {"NumPy": "numpy", "SciPy": "scipy", "scikit-learn": "scikit-learn"}


def write_report(place: str | os.PathLike[str], report: Report) -> list[str]:
    """Write a report as one HTML file that needs no other, and as JSON.

    The files appear whole or not at all: both are written elsewhere and move there at the end.
    ``place`` is a folder for ``report.html`` and ``report.json``, made if it is missing, or a path
    that ends in ``.html``, beside which the twin gets the same name. The names of both files are
    returned, the page first.
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


def run_facts(n_jobs: int | None = None) -> dict[str, str | int]:
    """Return versions, processor and threads, for `Report.versions`.

    No name of a machine, a user or a folder is among them, so a report can be passed on.
    """
    return {
        "lookalike": __version__,
        "Python": platform.python_version(),
        **{name: version(package) for name, package in _LIBRARIES.items()},
        "processor": f"{platform.machine()}, {platform.system()}",
        "CPU path": cpu_path(),
        "threads": count_threads(n_jobs),
    }


def made_now(
    report: Report, numbers: dict[str, Any], *, n_jobs: int | None, **changes: Any
) -> Report:
    """Return the report of a command that runs now, with the versions and threads it runs with.

    ``numbers`` is what the command prints as JSON; the version of lookalike comes first there.
    ``changes`` are other fields of the report to replace.
    """
    facts = {"date": date.today().isoformat(), **run_facts(n_jobs)}
    numbers = {"lookalike": __version__, **numbers}
    return replace(report, numbers=numbers, versions=facts, **changes)
