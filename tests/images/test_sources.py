"""Pictures that are named one by one, by folder, by pattern or on stdin."""

from __future__ import annotations

import io
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from lookalike.images.pictures import Findings
from lookalike.images.sources import Named, find_sources, read_source


def save(path: Path, **options: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (6, 4), 9).save(path, **options)


def read(*names: str) -> tuple[list[Named], Findings]:
    findings = Findings()
    sources = find_sources(names, findings.left_out)
    return [one for own in sources for one in read_source(own, findings)], findings


def test_folders_patterns_and_stacks_in_their_order(tmp_path: Path) -> None:
    for name in ("b/2.png", "b/1.png", "b/in/3.png", 'a "x" é.png', "b/._1.png"):
        save(tmp_path / name)
    (tmp_path / "b" / "notes.txt").write_text("no picture")
    os.symlink(tmp_path / "b", tmp_path / "b" / "in" / "loop")
    np.save(tmp_path / "stack.npy", np.zeros((2, 4, 6), np.uint8))
    found, findings = read(str(tmp_path / "b"), f"{tmp_path}/a*.png", f"{tmp_path}/stack.npy")
    names = [one.name.removeprefix(f"{tmp_path}/") for one in found]
    assert names == ["b/1.png", "b/2.png", "b/in/3.png", 'a "x" é.png'] + [
        f"stack.npy[{i}]" for i in range(2)
    ]
    left_out = {"hidden": 1, "files of other kinds": 1, "links to folders": 1}
    assert +findings.left_out == left_out
    assert [one.path is None for one in found] == [False] * 4 + [True] * 2


def test_pages_that_are_not_read_and_ink_on_black_are_told(tmp_path: Path) -> None:
    pages = [Image.new("L", (6, 4), value) for value in (0, 99, 200)]
    save(tmp_path / "a.tif", save_all=True, append_images=pages)
    white = np.full((6, 4, 4), 255, np.uint8)
    white[:3, :, 3] = 0
    for name in ("b.png", "c.png"):
        Image.fromarray(white).save(tmp_path / name)
    _, findings = read(str(tmp_path))
    assert findings.notes() == [
        "several pages or frames lie in 1 file; the first was read, 3 others were not",
        "white ink on a transparent ground is shown on black in 2 pictures",
    ]


def test_what_cannot_be_read_is_a_value(tmp_path: Path) -> None:
    os.symlink("nowhere.png", tmp_path / "link.png")
    (tmp_path / "empty.png").touch()
    (tmp_path / "void").mkdir()
    found, _ = read(*(str(tmp_path / own) for own in ("", "gone.png", "*.gif", "void")))
    said = [str(one.pixels) for one in found]
    assert all(isinstance(one.pixels, ValueError) for one in found)
    for told, why in zip(
        said,
        ["is empty", "No such file", "does not exist", "matches no file", "holds no pictures"],
        strict=True,
    ):
        assert why in told


def test_stdin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "a b.png")
    for content, names in (
        ((tmp_path / "a b.png").read_bytes(), ["stdin"]),
        (f"{tmp_path}/a b.png\n\n".encode(), [f"{tmp_path}/a b.png"]),
        (b" \n", ["stdin"]),
        (b"\x00\x01", ["stdin"]),
    ):
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(content)))
        found, _ = read("-")
        assert [one.name for one in found] == names
        assert isinstance(found[0].pixels, ValueError) == (content.strip() in (b"", b"\x00\x01"))


@pytest.mark.parametrize("has_labels", [False, True])
def test_a_table_that_is_named_holds_a_picture_a_row(has_labels: bool, tmp_path: Path) -> None:
    rows = np.arange(48, dtype=np.uint8).reshape(3, 16)
    table = np.column_stack([[7, 8, 9], rows]) if has_labels else rows
    names = ["label"] * has_labels + [f"pixel{i}" for i in range(16)]
    path = tmp_path / "test.csv"
    np.savetxt(path, table, "%d", ",", header=",".join(names), comments="")
    for image_shape, own in (((), (4, 4)), ((2, 8), (2, 8)), ((3, 5), (4, 4))):
        (source,) = find_sources([str(path)], Findings().left_out)
        found = list(read_source(source, Findings(), image_shape=image_shape))
        assert [one.name for one in found] == [f"{path}[{i}]" for i in range(3)]
        np.testing.assert_array_equal([one.pixels for one in found], rows.reshape(-1, *own))
    # Tables that lie beside pictures often list their files.
    found, findings = read(str(tmp_path))
    assert found == []
    assert findings.left_out["files of other kinds"] == 1


def test_remarks_about_tables_are_told_and_emnist_is_turned(tmp_path: Path) -> None:
    image = np.arange(16, dtype=np.uint8).reshape(4, 4)
    path = tmp_path / "emnist-digits-test.csv"
    np.savetxt(path, np.r_[3, image.T.ravel()][np.newaxis], "%d", ",")
    (found,), findings = read(str(path))
    np.testing.assert_array_equal(found.pixels, image)
    assert "column 1 was taken for them" in findings.notes()[0]
