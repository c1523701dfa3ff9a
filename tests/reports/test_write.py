"""Reports as files: whole or not at all, with the facts of the run that made them."""

import getpass
import json
import os
import platform
import socket
import stat
from datetime import date
from pathlib import Path

import numpy
import pytest
import sklearn
from tests.reports.samples import full_report

import lookalike
from lookalike.reports import write
from lookalike.reports.blocks import Report, Section, Text
from lookalike.reports.write import made_now, run_facts, write_report
from lookalike.search.machine import cpu_path


def test_folder_is_made_and_names_are_told(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    names = write_report(folder, full_report())
    assert names == ["report.html", "report.json"]
    assert sorted(os.listdir(folder)) == names
    assert (folder / "report.html").read_text("utf-8").startswith("<!doctype html>")
    assert json.loads((folder / "report.json").read_text("utf-8"))["title"] == "Digits"


def test_path_of_a_page_names_its_twin(tmp_path: Path) -> None:
    assert write_report(tmp_path / "knn.v2.html", Report("t")) == ["knn.v2.html", "knn.v2.json"]
    assert sorted(os.listdir(tmp_path)) == ["knn.v2.html", "knn.v2.json"]


def test_folder_may_be_called_as_a_page(tmp_path: Path) -> None:
    (tmp_path / "site.html").mkdir()
    write_report(tmp_path / "site.html", Report("t"))
    assert sorted(os.listdir(tmp_path / "site.html")) == ["report.html", "report.json"]


def test_written_twice_it_is_the_same(tmp_path: Path) -> None:
    write_report(tmp_path / "a", full_report())
    write_report(tmp_path / "b", full_report())
    for name in ("report.html", "report.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_failure_leaves_the_old_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_report(tmp_path, Report("old"))
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(TypeError, match="JSON cannot hold"):
        write_report(tmp_path, Report("new", numbers={"a": object()}))

    def no_space(self: Path, data: bytes) -> int:
        if ".json" in self.name:
            raise OSError(28, "No space left on device")
        return real(self, data)

    real = Path.write_bytes
    monkeypatch.setattr(write.Path, "write_bytes", no_space)
    with pytest.raises(OSError, match="No space left"):
        write_report(tmp_path, Report("new"))
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("here")
    with pytest.raises(OSError, match=r"file cannot be written to: .*name another folder"):
        write_report(tmp_path / "file", Report("t"))


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_others_may_read_it_as_the_umask_says(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        write_report(tmp_path, Report("t"))
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "report.html").stat().st_mode) == 0o644


def test_names_that_are_no_unicode_are_written(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9")  # of a folder in another encoding
    write_report(tmp_path, Report("t", sections=[Section(name, [Text(name)])]))
    assert "caf\\udce9" in (tmp_path / "report.html").read_text("utf-8")
    twin = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert twin["sections"][0]["title"] == name


def test_versions_and_machine() -> None:
    facts = run_facts(n_jobs=2)
    assert facts["lookalike"] == lookalike.__version__
    assert facts["Python"] == platform.python_version()
    assert facts["NumPy"] == numpy.__version__
    assert facts["scikit-learn"] == sklearn.__version__
    assert facts["CPU path"] == cpu_path()
    assert facts["threads"] == 2


def test_a_command_tells_its_day() -> None:
    made = made_now(Report("t"), {"n": 1}, n_jobs=2, subtitle="s")
    assert made.versions == {"date": date.today().isoformat(), **run_facts(n_jobs=2)}
    assert made.numbers == {"lookalike": lookalike.__version__, "n": 1}
    assert made.subtitle == "s"


def test_same_at_every_call() -> None:
    assert run_facts() == run_facts()


def test_no_names_of_people_or_machines() -> None:
    told = " ".join(map(str, run_facts().values()))
    assert socket.gethostname() not in told
    assert getpass.getuser() not in told


def test_no_thread_is_refused() -> None:
    with pytest.raises(ValueError, match="n_jobs=0"):
        run_facts(n_jobs=0)
