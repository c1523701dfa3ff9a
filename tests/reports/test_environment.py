"""What a report tells of where it was made."""

import getpass
import platform
import socket

import numpy
import pytest
import sklearn

import lookalike
from lookalike.reports.environment import run_facts
from lookalike.search.machine import cpu_path


def test_versions_and_machine() -> None:
    facts = run_facts(n_jobs=2)
    assert facts["lookalike"] == lookalike.__version__
    assert facts["Python"] == platform.python_version()
    assert facts["NumPy"] == numpy.__version__
    assert facts["scikit-learn"] == sklearn.__version__
    assert facts["CPU path"] == cpu_path()
    assert facts["threads"] == 2
    assert "date" not in facts


def test_date_is_the_caller_s() -> None:
    assert run_facts(date="2026-03-01")["date"] == "2026-03-01"


def test_same_at_every_call() -> None:
    assert run_facts() == run_facts()


def test_no_names_of_people_or_machines() -> None:
    told = " ".join(map(str, run_facts(date="today").values()))
    assert socket.gethostname() not in told
    assert getpass.getuser() not in told


def test_no_thread_is_refused() -> None:
    with pytest.raises(ValueError, match="n_jobs=0"):
        run_facts(n_jobs=0)
