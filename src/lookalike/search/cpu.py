"""Choice of the native code path: the fastest that this CPU can run, unless one is forced."""

from __future__ import annotations

import os

from lookalike import _core

VARIABLE = "LOOKALIKE_CPU"


def cpu_path() -> str:
    """Return the name of the native code path in use.

    Returns
    -------
    {"avx512vnni", "avx2", "neon", "portable"}
        The fastest available path, or the one that the environment variable ``LOOKALIKE_CPU``
        names. All paths give the same answers.

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
