"""Whatever happens while a model is saved, its file holds the old model or the new one."""

import itertools
import os
import random
import signal
import subprocess
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from lookalike import KNeighborsClassifier, load_dataset
from lookalike.models.file import load_model, save_model
from lookalike.models.safetensors_map import ModelError

posix = pytest.mark.skipif(os.name != "posix", reason="of POSIX systems")
DIGITS = load_dataset("digits")


def model(n):
    return KNeighborsClassifier(1).fit(DIGITS.train.images[:n], DIGITS.train.labels[:n])


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "kept.lookalike"
    save_model(model(50), path)
    return path


def is_kept(path, n=50):
    """Whether the old model is there, and nothing else."""
    return load_model(path).n_samples_fit_ == n and list(path.parent.iterdir()) == [path]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="of POSIX systems")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("kills", [20, pytest.param(500, marks=pytest.mark.slow("forks often"))])
def test_killed_while_it_saves(path, kills):
    rng = random.Random(kills)
    models = [model(400), model(50)]
    found = set()
    for _ in range(kills):
        child = os.fork()
        if child == 0:
            try:
                for own in itertools.cycle(models):
                    save_model(own, path)
            finally:
                os._exit(1)
        end = time.monotonic() + rng.uniform(0, 0.05)
        while time.monotonic() < end:  # whole at every moment, not at the end alone
            found.add(load_model(path).n_samples_fit_)
        os.kill(child, signal.SIGKILL)
        assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
        found.add(load_model(path).n_samples_fit_)
    assert found == {50, 400}
    loaded = load_model(path)
    n = loaded.n_samples_fit_
    predicted = loaded.predict(DIGITS.train.images[:n])
    np.testing.assert_array_equal(predicted, DIGITS.train.labels[:n])
    save_model(model(9), path)
    assert load_model(path).n_samples_fit_ == 9


def test_saved_by_several_at_once(path):
    models = [model(n) for n in (20, 30, 40)]
    threads = [
        threading.Thread(target=lambda own=own: [save_model(own, path) for _ in range(10)])
        for own in models
    ]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert load_model(path).n_samples_fit_ in (20, 30, 40, 50)
    for thread in threads:
        thread.join()
    assert list(path.parent.iterdir()) == [path]


@posix
@pytest.mark.parametrize("size", [0, 5000, 50_000])
def test_a_file_that_may_not_grow(path, size):
    import resource

    own = model(1000)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            save_model(own, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert is_kept(path)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder]
    try:
        mounted = subprocess.run(mount, capture_output=True).returncode == 0
    except OSError:
        mounted = False
    if not mounted:
        pytest.skip("only root can mount file systems")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk(small_disk):
    path = small_disk / "kept.lookalike"
    save_model(model(50), path)
    with pytest.raises(OSError, match="No space left"):
        save_model(model(1000), path)
    assert is_kept(path)
    save_model(model(60), path)  # there is room for this one
    assert is_kept(path, 60)


@posix
def test_a_folder_that_can_not_be_written_to(path):
    if os.geteuid() == 0:
        pytest.skip("root can write everywhere")
    path.parent.chmod(0o500)
    try:
        with pytest.raises(PermissionError):
            save_model(model(9), path)
        assert is_kept(path)
    finally:
        path.parent.chmod(0o700)


@posix
def test_a_folder_that_nobody_can_write_to():
    with pytest.raises(OSError, match=r"Read-only|denied|No such|not permitted|no folder"):
        save_model(model(9), "/proc/kept.lookalike")


def test_a_folder_for_a_path(path):
    with pytest.raises(IsADirectoryError, match="is a folder; name a file in it"):
        save_model(model(9), path.parent)
    assert is_kept(path)


def test_a_folder_that_is_missing(path):
    for folder in (path.parent / "none", path):  # the second one is a file
        with pytest.raises(FileNotFoundError, match="is not a folder; make it, or name another"):
            save_model(model(9), folder / "a.lookalike")
    assert is_kept(path)


def test_what_can_not_be_saved_leaves_the_old_file(path):
    with pytest.raises(ModelError):
        save_model(KNeighborsClassifier(1, weights=np.exp).fit(np.eye(4), range(4)), path)
    assert is_kept(path)


def test_interrupted(path, monkeypatch):
    """Ctrl-C, at the moment when all is written."""

    def interrupt(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save_model(model(9), path)
    assert is_kept(path)


@posix
def test_links_stay_links(path):
    (path.parent / "folder").mkdir()
    link, second = path.parent / "link", path.parent / "folder" / "second"
    link.symlink_to(path.name)
    second.symlink_to("../link")
    save_model(model(9), second)
    assert [one.is_symlink() for one in (second, link, path)] == [True, True, False]
    assert load_model(path).n_samples_fit_ == load_model(second).n_samples_fit_ == 9
    assert len(list(second.parent.iterdir())) == 1
    dangling = path.parent / "dangling"
    dangling.symlink_to("new.lookalike")
    save_model(model(9), dangling)
    assert dangling.is_symlink()
    assert (path.parent / "new.lookalike").is_file()


@posix
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o444])
def test_permissions_stay(path, mode):
    path.chmod(mode)
    save_model(model(9), path)
    assert path.stat().st_mode & 0o777 == mode
    assert load_model(path).n_samples_fit_ == 9


@posix
def test_permissions_of_a_new_file_are_as_usual(path):
    usual = path.parent / "usual"
    usual.touch()
    assert path.stat().st_mode == usual.stat().st_mode


def test_relative_paths(path, monkeypatch):
    monkeypatch.chdir(path.parent)
    save_model(model(9), Path(path.name))
    assert is_kept(path, 9)


def test_long_names(path):
    long = path.with_name("x" * 240)
    save_model(model(9), long)
    assert load_model(long).n_samples_fit_ == 9


def test_what_a_killed_writer_left_is_cleared_away(path):
    old, new = (path.with_name(f".{path.name}.{12 * digit}.tmp") for digit in "ab")
    other = path.with_name(f".other.{12 * 'a'}.tmp")
    for file in (old, new, other):
        file.write_bytes(b"half")
    hours_ago = time.time() - 2 * 3600
    os.utime(old, (hours_ago, hours_ago))
    os.utime(other, (hours_ago, hours_ago))
    save_model(model(5), path)
    assert not old.exists()
    assert new.exists()  # somebody may still be writing it
    assert other.exists()  # and this is of another file
