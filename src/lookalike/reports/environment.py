"""What a report says about the run that made it: the machine, the software, the day."""

from __future__ import annotations

import platform
from dataclasses import replace
from datetime import date as day
from importlib.metadata import version
from typing import Any

from lookalike import __version__
from lookalike.reports.blocks import Report
from lookalike.search.machine import count_threads, cpu_path

_LIBRARIES = {"NumPy": "numpy", "SciPy": "scipy", "scikit-learn": "scikit-learn"}


def run_facts(*, date: str | None = None, n_jobs: int | None = None) -> dict[str, str | int]:
    """Return versions, processor and threads, for `Report.versions`.

    No name of a machine, a user or a folder is among them, so a report can be passed on.

    Parameters
    ----------
    date : str, optional
        The day of the run. It is the caller's to give, so that a report of the same results can
        be the same to the last byte.
    n_jobs : int, optional
        As the estimators have it; all CPUs if not given or -1.

    Returns
    -------
    dict of str to str or int

    Raises
    ------
    ValueError
        If ``n_jobs`` is 0.

    Examples
    --------
    >>> facts = run_facts(date="2026-03-01", n_jobs=2)
    >>> list(facts)
    ['date', 'lookalike', 'Python', 'NumPy', 'SciPy', 'scikit-learn', 'processor', 'CPU path', \
'threads']
    >>> facts["threads"]
    2
    """
    facts: dict[str, str | int] = {} if date is None else {"date": date}
    facts["lookalike"] = __version__
    facts["Python"] = platform.python_version()
    facts.update({name: version(package) for name, package in _LIBRARIES.items()})
    facts["processor"] = f"{platform.machine()}, {platform.system()}"
    facts["CPU path"] = cpu_path()
    facts["threads"] = count_threads(n_jobs)
    return facts


def made_now(
    report: Report, numbers: dict[str, Any], *, n_jobs: int | None, **changes: Any
) -> Report:
    """Return the report of a command that runs now, with the versions and threads it runs with.

    Parameters
    ----------
    report : Report
    numbers : dict
        What the command prints as JSON; the version of lookalike comes first.
    n_jobs : int or None
        As of `run_facts`.
    **changes
        Other fields of the report to replace.
    """
    facts = run_facts(date=day.today().isoformat(), n_jobs=n_jobs)
    numbers = {"lookalike": __version__, **numbers}
    return replace(report, numbers=numbers, versions=facts, **changes)
