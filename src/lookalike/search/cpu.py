"""Which native path runs: the fastest that this CPU has, unless the environment forces one."""

from __future__ import annotations

import os

from lookalike import _core

VARIABLE = "LOOKALIKE_CPU"


def cpu_path() -> str:
    """Name of the native path in use.

    Returns
    -------
    {"avx512vnni", "avx2", "neon", "portable"}
        The fastest available, or the one named by the environment variable ``LOOKALIKE_CPU``.
        All of them give the same answers.

    Raises
    ------
    ValueError
        If the variable names a path that this machine cannot run.

    Examples
    --------
    >>> cpu_path() in ("avx512vnni", "avx2", "neon", "portable")
    True
    """
    available = _core.available_cpu_paths()
    forced = os.environ.get(VARIABLE)
    if not forced:
        return available[0]
    if forced not in available:
        raise ValueError(
            f"{VARIABLE}={forced!r} but this machine can run {', '.join(available)}; "
            f"unset {VARIABLE} or choose one of these"
        )
    return forced
