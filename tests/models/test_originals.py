"""Names and thumbnails of training pictures in a model file: kept in step with the images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from lookalike import KNeighborsClassifier, load_model, save_model
from lookalike.images.originals import THUMBNAIL_SIDE, Originals, make_thumbnail
from lookalike.models.model import Model, open_model
from lookalike.models.safetensors_map import ModelError

Arrays = dict[str, NDArray[np.generic]]
RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (6, 8, 8), np.uint8)
Y = np.array(["cup", "dog"] * 3)
# that many pixels a picture, so that each thumbnail tells which it is
LARGE = [np.full((100 + i, 50, 3), 40 * i, np.uint8) for i in range(6)]
NAMES = [f"{name}/{i} ü.png" for i, name in enumerate(Y.tolist())]


def originals(rows: list[int]) -> Originals:
    return Originals(
        [NAMES[row] for row in rows], [make_thumbnail(LARGE[row], (8, 8)) for row in rows]
    )


def saved(path: Path, rows: list[int]) -> Path:
    fitted = KNeighborsClassifier(1).fit(X[rows], Y[rows])
    save_model(fitted, path, originals=originals(rows))
    return path


def check_in_step(model: Model, rows: list[int | None]) -> None:
    """Fail unless the images of the model are those of these rows, with their files."""
    assert model.originals is not None
    assert len(model.originals) == model.n_samples == len(rows)
    for place, row in enumerate(rows):
        if row is None:
            assert model.file(place) is None
            np.testing.assert_array_equal(model.shown(place), model.image(place))
        else:
            np.testing.assert_array_equal(model.image(place), X[row])
            assert model.file(place) == NAMES[row]
            assert model.shown(place).shape == (THUMBNAIL_SIDE, *model.shown(place).shape[1:])
            assert abs(int(model.shown(place).mean()) - 40 * row) < 4


def test_changes_and_files_keep_names_and_thumbnails_in_step(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.lookalike", [0, 1, 2, 3])
    model = open_model(path)
    check_in_step(model, [0, 1, 2, 3])
    model.add(X[4:], Y[4:].tolist(), originals=originals([4, 5]))
    model.remove([1, 2])
    check_in_step(model, [0, 3, 4, 5])
    model.add(X[:1], ["cup"])  # of which nothing is known
    model.save()
    check_in_step(open_model(path), [0, 3, 4, 5, None])


def test_a_model_without_names_gets_them_with_the_first_that_has_one(tmp_path: Path) -> None:
    path = tmp_path / "a.lookalike"
    save_model(KNeighborsClassifier(1).fit(X[:2], Y[:2]), path)
    model = open_model(path)
    assert (model.originals, model.file(0)) == (None, None)
    model.add(X[2:3], ["cup"], originals=originals([2]))
    check_in_step(model, [None, None, 2])


def test_names_of_other_bytes_than_utf8() -> None:
    name = b"cup/\xff\n'1'.png".decode("utf-8", "surrogateescape")
    kept = Originals.from_arrays(Originals([name, ""], [b"", b""]).to_arrays())
    assert (kept.name(0), kept.name(1), kept.picture(0)) == (name, None, None)


def test_a_picture_no_larger_than_the_image_needs_no_thumbnail() -> None:
    assert make_thumbnail(np.zeros((8, 8), np.uint8), (8, 8)) == b""
    assert make_thumbnail(np.zeros((8, 9), np.uint8), (8, 8)) != b""


def put(key: str, change: Callable[[NDArray[np.generic]], NDArray[np.generic]]) -> object:
    def damage(arrays: Arrays) -> None:
        arrays[f"originals/{key}"] = change(arrays[f"originals/{key}"])

    return damage


def drop(*keys: str) -> object:
    def damage(arrays: Arrays) -> None:
        for key in keys:
            del arrays[f"originals/{key}"]

    return damage


DAMAGE = {
    "ends that fall": put("name_ends", lambda a: a[::-1].copy()),
    "an end below 0": put("name_ends", lambda a: a - a[0] - 1),
    "ends beyond the bytes": put("name_ends", lambda a: a + 1),
    "ends before the bytes' end": put("thumbnail_ends", lambda a: a - 1),
    "ends of another dtype": put("name_ends", lambda a: a.astype(np.int32)),
    "ends of two axes": put("name_ends", lambda a: a[:, None].copy()),
    "bytes of another dtype": put("names", lambda a: a.astype(np.uint16)),
    "bytes of two axes": put("names", lambda a: a[:, None].copy()),
    "fewer names than thumbnails": put("name_ends", lambda a: a[[0, 1, 3]]),
    "no thumbnails": drop("thumbnails", "thumbnail_ends"),
    "no ends": drop("name_ends"),
    "no names, but ends": drop("names"),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_damage_is_refused(
    damage: Callable[[Arrays], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files whose checksums are right, and whose originals are not."""
    to_arrays = Originals.to_arrays

    def damaged(self: Originals) -> Arrays:
        arrays: Arrays = dict(to_arrays(self))
        damage(arrays)
        return arrays

    with monkeypatch.context() as patch:
        patch.setattr(Originals, "to_arrays", damaged)
        path = saved(tmp_path / "a.lookalike", [0, 1, 2, 3])
    for opened in (open_model, load_model):
        with pytest.raises(ModelError, match="is damaged or was made by hand") as error:
            opened(path)
        assert "\n" not in str(error.value)


def test_names_for_another_number_of_images_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.lookalike"
    with pytest.raises(ModelError, match="3 file names for 4 training images"):
        save_model(KNeighborsClassifier(1).fit(X[:4], Y[:4]), path, originals=originals([0, 1, 2]))
    assert not path.exists()


def test_a_thumbnail_that_is_no_picture_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.lookalike"
    fitted = KNeighborsClassifier(1).fit(X[:1], Y[:1])
    save_model(fitted, path, originals=Originals(["cup/1.png"], [b"\xff\xd8 no more"]))
    model = open_model(path)
    assert model.file(0) == "cup/1.png"
    with pytest.raises(ValueError, match=r"no picture|does not decode"):
        model.shown(0)
