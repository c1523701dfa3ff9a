"""Downloads from local servers: right files come to their place, and nothing else ever does."""

from __future__ import annotations

import gzip
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lookalike import load_dataset
from lookalike.images import store
from lookalike.images.catalogue import CATALOGUE, CatalogueEntry, CatalogueFile
from lookalike.images.exceptions import DatasetError, DatasetNotFoundError
from lookalike.images.idx import content_sha256, read_idx

Homes = tuple[Path, Path]
DEAD = "http://127.0.0.1:9/"  # the discard port, where nothing listens
TRAIN_IMAGES = "train-images-idx3-ubyte.gz"


@pytest.fixture
def catalogue(
    small_files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., CatalogueEntry]:
    """Return a function that puts the small data set, under given mirrors, in the catalogue."""
    files = {}
    for name, content in small_files.items():
        path = tmp_path / "original.gz"
        path.write_bytes(content)
        array = read_idx(path)
        part = "train" if name.startswith("train") else "test"
        files[part, name.split("-")[1]] = CatalogueFile(name, array.shape, content_sha256(array))
        path.unlink()

    def set_mirrors(*mirrors: str) -> CatalogueEntry:
        entry = CatalogueEntry(files, mirrors, tuple("abcde"))
        monkeypatch.setitem(CATALOGUE, "small", entry)
        return entry

    return set_mirrors


def in_place(folder: Path) -> list[str]:
    """Return the names of all files below the folder, finished or not."""
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_success(homes, make_mirror, catalogue, small_files) -> None:
    mirror = make_mirror()
    catalogue(mirror.url)
    data = load_dataset("small")
    assert data.train.images.shape == (40, 6, 5)
    assert data.test.images.shape == (10, 6, 5)
    assert data.class_names == ("a", "b", "c", "d", "e")
    assert data.source == str(homes[1] / "small")
    assert in_place(homes[1]) == sorted(small_files)

    n_requests = len(mirror.requests)
    again = load_dataset("small")
    np.testing.assert_array_equal(again.train.images, data.train.images)
    assert len(mirror.requests) == n_requests  # nothing is downloaded twice


def test_fetches_only_what_is_missing(homes, make_mirror, catalogue, small_files) -> None:
    mirror = make_mirror()
    catalogue(mirror.url)
    folder = homes[1] / "small"
    folder.mkdir(parents=True)
    (folder / TRAIN_IMAGES).write_bytes(small_files[TRAIN_IMAGES])
    store.fetch_dataset("small")
    assert f"GET {TRAIN_IMAGES}" not in mirror.requests
    assert in_place(folder) == sorted(small_files)


def test_other_compression_of_the_same_content(homes, make_mirror, catalogue) -> None:
    mirror = make_mirror()
    plain = gzip.decompress(mirror.files[TRAIN_IMAGES])
    mirror.files[TRAIN_IMAGES] = gzip.compress(plain, compresslevel=1)
    catalogue(mirror.url)
    assert len(load_dataset("small").train) == 40


def test_wrong_hash(homes, make_mirror, catalogue) -> None:
    mirror = make_mirror()
    plain = bytearray(gzip.decompress(mirror.files[TRAIN_IMAGES]))
    plain[-1] ^= 1
    mirror.files[TRAIN_IMAGES] = gzip.compress(plain)
    catalogue(mirror.url)
    with pytest.raises(DatasetNotFoundError, match="wrong SHA-256"):
        load_dataset("small")
    assert in_place(homes[1]) == []


def test_wrong_hash_of_the_compressed_file(homes, make_mirror, catalogue) -> None:
    mirror = make_mirror()
    entry = catalogue(mirror.url)
    key = ("train", "images")
    entry.files[key] = replace(entry.files[key], content_sha256=None, gzip_sha256="0" * 64)
    with pytest.raises(DatasetNotFoundError, match=f"wrong SHA-256 for {TRAIN_IMAGES}"):
        load_dataset("small")
    assert in_place(homes[1]) == []


def test_truncated_body(homes, make_mirror, catalogue) -> None:
    mirror = make_mirror()
    mirror.truncate_after = 50
    catalogue(mirror.url)
    with pytest.raises(DatasetNotFoundError, match="50 bytes read"):
        load_dataset("small")
    assert in_place(homes[1]) == []


def test_web_page_instead_of_a_file(homes, make_mirror, catalogue) -> None:
    mirror = make_mirror()
    mirror.files[TRAIN_IMAGES] = b"<html>Please log in to this network</html>"
    catalogue(mirror.url)
    with pytest.raises(DatasetNotFoundError, match="is not an IDX file"):
        load_dataset("small")
    assert in_place(homes[1]) == []


def test_endless_file_is_cut_off(homes, make_mirror, catalogue) -> None:
    mirror = make_mirror()
    mirror.files[TRAIN_IMAGES] = os.urandom(2**20)
    catalogue(mirror.url)
    with pytest.raises(DatasetNotFoundError, match="sends more than the 66,736 bytes"):
        load_dataset("small")
    assert in_place(homes[1]) == []


def test_dead_first_mirror(homes, make_mirror, catalogue) -> None:
    mirror = make_mirror()
    catalogue(DEAD, mirror.url)
    assert len(load_dataset("small").train) == 40


def test_bad_first_mirror(homes, make_mirror, catalogue) -> None:
    bad, good = make_mirror(), make_mirror()
    bad.files = dict.fromkeys(bad.files, gzip.compress(b"something else"))
    catalogue(bad.url, good.url)
    assert len(load_dataset("small").train) == 40


def test_mirror_without_the_file(homes, make_mirror, catalogue) -> None:
    empty, good = make_mirror(), make_mirror()
    empty.files = {}
    catalogue(empty.url, good.url)
    assert len(load_dataset("small").train) == 40
    assert not any(request.startswith("GET") for request in empty.requests)


def test_no_network(homes, catalogue) -> None:
    catalogue(DEAD, "http://no-such-host.invalid/")
    start = time.monotonic()
    with pytest.raises(DatasetNotFoundError) as caught:
        load_dataset("small", timeout=5)
    assert time.monotonic() - start < 5
    message = str(caught.value)
    assert message.startswith("small could not be downloaded")
    assert "$LOOKALIKE_DATA/small/" in message
    *_, refused, unknown = message.splitlines()
    assert refused.startswith(f"  {DEAD}: ")
    assert unknown.startswith("  http://no-such-host.invalid/: ")
    # the reasons do not repeat where they come from
    assert refused.count("127.0.0.1") == unknown.count("no-such-host.invalid") == 1
    assert not homes[1].exists()


def test_silent_network_is_decided_in_time(homes, catalogue) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # connects, but never answers
        catalogue(f"http://127.0.0.1:{silent.getsockname()[1]}/")
        start = time.monotonic()
        with pytest.raises(DatasetNotFoundError, match=r"no answer within 0\.3 s|timed out"):
            load_dataset("small", timeout=0.3)
        assert time.monotonic() - start < 2


def test_hanging_name_lookup_is_decided_in_time(homes, catalogue, monkeypatch) -> None:
    released = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: released.wait(30))
    catalogue("http://example.invalid/")
    start = time.monotonic()
    with pytest.raises(DatasetNotFoundError, match=r"no answer within 0\.3 s"):
        load_dataset("small", timeout=0.3)
    assert time.monotonic() - start < 2
    released.set()


def test_stalling_mirror_is_given_up(homes, make_mirror, catalogue) -> None:
    stalling = make_mirror()
    stalling.stall_after = 20
    catalogue(stalling.url)
    with pytest.raises(DatasetNotFoundError, match="timed out"):
        load_dataset("small", timeout=0.5)
    assert in_place(homes[1]) == []


def test_no_download_when_not_allowed(homes, make_mirror, catalogue) -> None:
    mirror = make_mirror()
    catalogue(mirror.url)
    with pytest.raises(DatasetNotFoundError, match="allow download=True"):
        load_dataset("small", download=False)
    assert mirror.requests == []


def test_interrupt_leaves_nothing(homes, make_mirror, catalogue, monkeypatch) -> None:
    mirror = make_mirror()
    catalogue(mirror.url)
    write = store._Receiver.write

    def interrupted(self: store._Receiver, chunk: bytes) -> None:
        write(self, chunk[:20])
        raise KeyboardInterrupt

    monkeypatch.setattr(store._Receiver, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        load_dataset("small")
    assert in_place(homes[1]) == []


def test_killed_half_way(homes, make_mirror, catalogue, small_files) -> None:
    mirror = make_mirror()
    mirror.stall_after = 100
    entry = catalogue(mirror.url)
    program = f"""
        from pathlib import Path
        from lookalike.images.catalogue import CatalogueEntry, CatalogueFile
        from lookalike.images.store import download
        download("small", {entry!r}, Path({str(homes[1] / "small")!r}), timeout=60, progress=False)
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)])
    try:
        assert mirror.stalling.wait(30)
    finally:
        process.kill()
    assert process.wait(10) == -signal.SIGKILL if os.name == "posix" else process.wait(10) != 0

    assert not [path for path in (homes[1] / "small").iterdir() if path.is_file()]
    assert store.find_folder("small") is None
    mirror.stall_after = None
    assert len(load_dataset("small").train) == 40


def test_concurrent_fetches(homes, make_mirror, catalogue, small_files) -> None:
    catalogue(make_mirror().url)
    with ThreadPoolExecutor(8) as pool:
        datasets = list(pool.map(lambda _: load_dataset("small", progress=False), range(8)))
    for data in datasets:
        np.testing.assert_array_equal(data.train.images, datasets[0].train.images)
    assert in_place(homes[1]) == sorted(small_files)


def test_cache_that_cannot_be_written(homes, make_mirror, catalogue) -> None:
    catalogue(make_mirror().url)
    homes[1].write_text("a file where the cache folder should be")
    with pytest.raises(DatasetError, match="small is not writable"):
        load_dataset("small")


def test_progress_bar_counts_bytes(homes, make_mirror, catalogue, monkeypatch, capsys) -> None:
    catalogue(make_mirror().url)
    monkeypatch.setenv("FORCE_COLOR", "1")  # has rich take the captured output for a terminal
    load_dataset("small")
    assert TRAIN_IMAGES in capsys.readouterr().err
    load_dataset("small")
    assert capsys.readouterr().err == ""


def test_no_progress_bar_off_a_terminal(homes, make_mirror, catalogue, capsys) -> None:
    catalogue(make_mirror().url)
    load_dataset("small")
    assert capsys.readouterr().err == ""
