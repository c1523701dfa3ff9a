"""The memory that is still free, within the limits of the machine and of its container."""

from __future__ import annotations

import os
from pathlib import Path


def available_bytes(root: Path = Path("/")) -> int | None:
    """Return the number of free bytes, or None if the system does not report it.

    Parameters
    ----------
    root : Path
        Folder that contains `proc` and `sys`.
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
