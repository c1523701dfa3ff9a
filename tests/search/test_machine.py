"""How much memory is free, of the machine and of the container."""

import pytest

from lookalike.search.machine import available_bytes


def make(root, files):
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


MACHINE = {"proc/meminfo": "MemTotal: 9000 kB\nMemFree: 10 kB\nMemAvailable: 8000 kB\n"}
V2 = "sys/fs/cgroup/"
V1 = "sys/fs/cgroup/memory/"


def group(prefix, names, limit, used, cache):
    lines = f"anon 5\n{names[2]} {cache}\n"
    return {prefix + names[0]: limit, prefix + names[1]: used, prefix + "memory.stat": lines}


TWO = ("memory.max", "memory.current", "inactive_file")
ONE = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, 8000 * 1024),
        ({"proc/self/cgroup": "0::/\n"} | group(V2, TWO, "max\n", "5", 0), 8000 * 1024),
        ({"proc/self/cgroup": "0::/\n"} | group(V2, TWO, "1000\n", "700\n", 50), 350),
        (
            {"proc/self/cgroup": "0::/a/b\n"}
            | group(V2 + "a/", TWO, "1000", "990", 0)
            | group(V2 + "a/b/", TWO, "max", "990", 0),
            10,
        ),
        ({"proc/self/cgroup": "4:cpu:/\n2:memory:/x\n"} | group(V1, ONE, "1000", "400", 100), 700),
        ({"proc/self/cgroup": "0::/\n"} | group(V2, TWO, "1000", "1200", 0), 0),
    ],
    ids=["machine", "no limit", "container", "outer group", "version 1", "over its limit"],
)
def test_the_narrowest_limit_counts(tmp_path, files, expected):
    assert available_bytes(make(tmp_path, MACHINE | files)) == expected


def test_this_machine_has_some():
    found = available_bytes()
    assert found is None or found > 2**20
