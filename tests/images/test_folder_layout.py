"""Folders as people have them: parts, classes and clutter."""

from __future__ import annotations

import os
import unicodedata
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lookalike import load_dataset
from lookalike.images.exceptions import DatasetError
from lookalike.images.folder import lay_out

RNG = np.random.default_rng(0)


def put(folder: Path, n: int = 3) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(n):
        pixels = RNG.integers(0, 256, (9, 9, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")


@pytest.mark.parametrize(
    ("folders", "n_train", "n_test"),
    [
        (("train", "test"), 6, 6),
        (("Train", "Test"), 6, 6),
        (("training", "testing"), 6, 6),
        (("TRAIN", "Val"), 6, 6),
        (("train", "valid"), 6, 6),
        (("train", "validation"), 6, 6),
        (("train", "valid", "test"), 12, 6),
        (("things/train", "things/test"), 6, 6),
        (("seg_train/seg_train", "seg_test/seg_test"), 6, 6),
        (("signs/asl_alphabet_train", "signs/asl_alphabet_test"), 6, 6),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_parts_by_their_usual_names(
    folders: tuple[str, ...], n_train: int, n_test: int, tmp_path: Path
) -> None:
    for part in folders:
        for name in ("cup", "hand"):
            put(tmp_path / part / name)
    data = load_dataset(tmp_path)
    assert (len(data.train), len(data.test)) == (n_train, n_test)
    assert data.class_names == ("cup", "hand")
    assert data.train.paths is not None
    assert data.train.paths[0].name == "0.png"


def test_what_was_done_with_parts_is_told(tmp_path: Path) -> None:
    for part in ("train", "val", "test"):
        put(tmp_path / part / "cup")
    put(tmp_path / "extra")
    notes = lay_out(tmp_path).notes
    assert notes[0] == f"folder extra beside the parts of {tmp_path}: not read"
    assert notes[1] == f"{tmp_path / 'val'} joins the training part"


def test_classes_called_train_and_plane_are_classes(tmp_path: Path) -> None:
    put(tmp_path / "train")
    put(tmp_path / "test")
    assert lay_out(tmp_path).class_names == ("test", "train")


def test_unknown_parts_are_not_taken_for_classes(tmp_path: Path) -> None:
    for part in ("fold1", "fold2"):
        for name in ("cup", "hand"):
            put(tmp_path / part / name)
    with pytest.raises(
        DatasetError, match=r"hold folders alone, .* call parts train and test"
    ) as caught:
        lay_out(tmp_path)
    assert "fold1, fold2" in str(caught.value)
    for old, new in (("fold1", "train"), ("fold2", "test")):  # the cure
        (tmp_path / old).rename(tmp_path / new)
    assert lay_out(tmp_path).parts.keys() == {"train", "test"}


def test_a_wrapper_may_have_files_beside_it(tmp_path: Path) -> None:
    for name in ("cup", "hand"):
        put(tmp_path / "things" / name)
    (tmp_path / "README.txt").write_text("what this is")
    assert lay_out(tmp_path).class_names == ("cup", "hand")


def test_an_unsorted_test_folder_is_no_test_part(tmp_path: Path) -> None:
    for name in ("cup", "hand"):
        put(tmp_path / "train" / name)
    put(tmp_path / "test")
    layout = lay_out(tmp_path)
    assert layout.parts.keys() == {"train"}
    assert "no folder for each class" in layout.notes[0]


@pytest.mark.parametrize(
    "clutter",
    [
        "__MACOSX/cup/._0.png",
        "cup/@eaDir/0.png/SYNOPHOTO_THUMB_M.jpg",
        "cup/.ipynb_checkpoints/0-checkpoint.png",
        ".thumbnails/large/0.png",
        "cup/Icon\r",
        "cup/ehthumbs.db",
        "cup/Thumbs.db",
        "Picasa.ini",
        "hand/desktop.ini",
        "cup/._0.png",
        "$RECYCLE.BIN/1/0.png",
        "lost+found/0.png",
        "cup/0.xmp",
        "cup/0.png~",
    ],
)
def test_clutter_is_passed_over_and_counted(clutter: str, tmp_path: Path) -> None:
    for name in ("cup", "hand"):
        put(tmp_path / name)
    (tmp_path / clutter).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / clutter).write_bytes(b"x")
    layout = lay_out(tmp_path)
    assert layout.class_names == ("cup", "hand")
    assert len(layout.parts["train"]) == 6
    (note,) = layout.notes
    assert "passed over: " in note
    assert note.endswith("(1)")


def test_reading_a_folder_ends(tmp_path: Path) -> None:
    for name in ("cup", "hand"):
        put(tmp_path / name)
    os.mkfifo(tmp_path / "cup" / "pipe.png")
    os.symlink(tmp_path, tmp_path / "all")
    os.symlink("..", tmp_path / "cup" / "up")
    layout = lay_out(tmp_path)
    assert layout.class_names == ("cup", "hand")
    assert len(layout.parts["train"]) == 6
    (note,) = layout.notes
    assert note.endswith("passed over: links to folders (2), pipes and devices (1)")


def test_a_class_may_be_a_link_to_another_place(tmp_path: Path) -> None:
    put(tmp_path / "data" / "cup")
    put(tmp_path / "elsewhere")
    os.symlink(tmp_path / "elsewhere", tmp_path / "data" / "hand")
    assert lay_out(tmp_path / "data").class_names == ("cup", "hand")


def test_the_name_of_a_class_is_text(tmp_path: Path) -> None:
    put(tmp_path / "cup")
    put(tmp_path / os.fsdecode(b"caf\xe9"))
    with pytest.raises(DatasetError, match=r"'caf\\udce9' in .* is not valid UTF-8"):
        lay_out(tmp_path)


def test_unicode_forms_of_a_name_are_one_class(tmp_path: Path) -> None:
    for part, form in (("train", "NFC"), ("test", "NFD")):
        for name in ("café", "thé"):
            put(tmp_path / part / unicodedata.normalize(form, name))
    layout = lay_out(tmp_path)
    assert layout.class_names == ("café", "thé")
    assert layout.notes == []


def test_capitals_and_classes_that_training_lacks_are_told(tmp_path: Path) -> None:
    for name in ("train/cup", "train/Cup", "test/cup", "test/spoon"):
        put(tmp_path / name)
    layout = lay_out(tmp_path)
    assert layout.class_names == ("Cup", "cup", "spoon")
    capitals, unknown = layout.notes
    assert "Cup and cup" in capitals
    assert "training part lacks: spoon;" in unknown


def test_numbers_are_ordered_by_their_value(tmp_path: Path) -> None:
    for i in range(12):
        put(tmp_path / str(i), 5)
    assert lay_out(tmp_path).class_names == tuple(map(str, range(12)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = load_dataset(tmp_path)
    assert data.train.paths is not None
    for path, label in zip(data.train.paths, data.train.labels, strict=True):
        assert path.parent.name == data.class_names[label]


def test_folders_in_classes_belong_to_them(tmp_path: Path) -> None:
    put(tmp_path / "cup" / "red")
    put(tmp_path / "cup")
    put(tmp_path / "hand")
    names = [name for name, _ in lay_out(tmp_path).parts["train"]]
    assert names == ["cup"] * 6 + ["hand"] * 3
