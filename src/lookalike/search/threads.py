"""The number of threads that a search may use."""

import os
from numbers import Integral

from joblib import effective_n_jobs


def count_threads(n_jobs: int | None) -> int:
    """Return the number of threads that `n_jobs` asks for, counted as joblib does.

    None means all CPUs of this process, but at most OMP_NUM_THREADS if that is set: joblib sets it
    in its worker processes. -1 always means all CPUs.

    Raises
    ------
    TypeError
        If `n_jobs` is not an integer.
    ValueError
        If `n_jobs` is 0.
    """
    if n_jobs is None:
        # For nested parallel regions, as in "4,2", the outermost comes first.
        allowed = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
        n_cpus = count_threads(-1)
        return min(n_cpus, int(allowed)) if allowed.isdecimal() and int(allowed) else n_cpus
    if not isinstance(n_jobs, Integral) or isinstance(n_jobs, bool):
        raise TypeError(f"n_jobs={n_jobs!r} is not an integer; use None or -1 for all CPUs")
    if n_jobs == 0:
        raise ValueError("n_jobs=0 asks for no threads; use None or -1 for all CPUs")
    return int(effective_n_jobs(int(n_jobs)))
