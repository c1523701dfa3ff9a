"""What all tests share."""

import gc
import os
import signal

import pytest
from hypothesis import settings
from tests.browser import end_browser

from lookalike.images.store import find_folder

# How long an example takes depends on what else the machine does; --durations shows what is slow.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

# A shell ignores SIGINT in the jobs that it starts in the background, and their children inherit
# that. The tests press Ctrl-C in their children; a child gets the default handler from a process
# that handles the signal.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The workers of pytest-xdist take all CPUs already. More threads in each, and in the programs that
# they start, only wait for one another. A test of threads sets their number itself.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# The modules and tests stay until the end: collecting garbage looks through them neither while they
# are made nor later, which would take 0.1 s each time. Measurements of memory do that often.
gc.disable()


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """Keep vectors out of the user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if any(not mark.args for mark in item.iter_markers("slow")):
            raise pytest.UsageError(f"{item.nodeid}: say why, @pytest.mark.slow('...')")
    if find_folder("mnist") is None:
        skip = pytest.mark.skip("LOOKALIKE_DATA is not set to a folder that holds mnist/")
        for item in items:
            if item.get_closest_marker("mnist"):
                item.add_marker(skip)


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


def pytest_sessionfinish() -> None:
    end_browser()
