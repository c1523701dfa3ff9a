"""Resources of the machine: the native code path, the number of threads, and free memory."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextvars import ContextVar
from numbers import Integral
from pathlib import Path
from typing import Any

from joblib import effective_n_jobs

from lookalike import _core

VARIABLE = "LOOKALIKE_CPU"
AVAILABLE = _core.available_cpu_paths()

ELSEWHERE: ContextVar[Callable[[Any], Any] | None] = ContextVar("elsewhere", default=None)
"""What turns indexed rows into the same rows on a cluster, while `distributed.searching` is on."""


def cpu_path() -> str:
    """Return the native code path in use: "avx512vnni", "avx2", "neon" or "portable".

    It is the fastest available one, or the one that the environment variable ``LOOKALIKE_CPU``
    names; a ValueError says so if this machine cannot run that. All paths give the same answers.
    """
    forced = os.environ.get(VARIABLE)
    if not forced:
        return AVAILABLE[0]
    if forced not in AVAILABLE:
        raise ValueError(
            f"{VARIABLE}={forced!r} but this machine can run {', '.join(AVAILABLE)}; "
            f"unset {VARIABLE} or choose one of these"
        )
    return forced


def count_threads(n_jobs: int | None, *, is_short: bool = False) -> int:
    """Return the number of threads that `n_jobs` asks for, counted as joblib does.

    Short work takes one, in less time than it takes to start a second one or to count the CPUs.
    None means all CPUs of this process, but at most OMP_NUM_THREADS if that is set: joblib sets it
    in its worker processes. -1 always means all CPUs.
    """
    _check_n_jobs(n_jobs)
    if is_short:
        return 1
    if n_jobs is None:
        # For nested parallel regions, as in "4,2", the outermost comes first.
        allowed = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
        n_cpus = count_threads(-1)
        return min(n_cpus, int(allowed)) if allowed.isdecimal() and int(allowed) else n_cpus
    return int(effective_n_jobs(int(n_jobs)))


def _check_n_jobs(n_jobs: int | None) -> None:
    if n_jobs is None:
        return
    if not isinstance(n_jobs, (int, Integral)) or isinstance(n_jobs, bool):
        raise TypeError(f"n_jobs={n_jobs!r} is not an integer; use None or -1 for all CPUs")
    if n_jobs == 0:
        raise ValueError("n_jobs=0 asks for no threads; use None or -1 for all CPUs")


def available_bytes(root: Path = Path("/")) -> int | None:
    """Return the number of free bytes, or None if the system does not report it.

    ``root`` is the folder that contains `proc` and `sys`.
    """
    found = [_of_machine(root)]
    for folder, limit, used, cache in _control_groups(root):
        try:
            lines = (folder / "memory.stat").read_text().splitlines()
            files = int(dict(line.split() for line in lines).get(cache, 0))  # can be freed
            numbers = [int((folder / name).read_text()) for name in (limit, used)]
        except (OSError, ValueError):  # no such group, or no limit ("max")
            continue
        found.append(max(0, numbers[0] - numbers[1] + files))
    return min((one for one in found if one is not None), default=None)


def _of_machine(root: Path) -> int | None:
    try:
        lines = (root / "proc/meminfo").read_text().splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvail"))
    except (OSError, StopIteration):
        pass
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows
        return None


def _control_groups(root: Path) -> list[tuple[Path, str, str, str]]:
    """Return (folder, limit file, usage file, name of the cache entry) of all control groups.

    These are the groups of this process and their parents. Usage includes cached files. A
    container sees its own group as the root.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    groups = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":  # version 2
            mount, names = root / "sys/fs/cgroup", ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            mount = root / "sys/fs/cgroup/memory"
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        own = mount / path.lstrip("/")
        groups += [(own, *names)]
        groups += [(one, *names) for one in own.parents if one.is_relative_to(mount)]
    return groups
