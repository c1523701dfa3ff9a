"""Index files against the search that they were made of."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from lookalike import (
    KNeighborsClassifier,
    NearestNeighbors,
    Shifts,
    build_index,
    load_model,
    open_index,
    save_index,
    save_model,
)
from lookalike.models import index_file
from lookalike.models.safetensors_map import ModelError
from lookalike.search import RowParts
from lookalike.search.index import ExactIndex
from lookalike.search.mapped import mapping_of


def make_rows(n: int = 6000, d: int = 60, dtype: Any = np.uint8) -> np.ndarray:
    rng = np.random.default_rng(7)
    centres = rng.integers(0, 200, (40, d))
    return (centres[rng.integers(0, 40, n)] + rng.integers(0, 30, (n, d))).astype(dtype)


def assert_same(one: NearestNeighbors, other: NearestNeighbors, queries: np.ndarray) -> None:
    for found, wanted in zip(one.kneighbors(queries, 7), other.kneighbors(queries, 7), strict=True):
        np.testing.assert_array_equal(found, wanted)


@pytest.fixture
def no_builds(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """List the indexes that are built from now on."""
    built: list[Any] = []
    build = ExactIndex.__init__
    monkeypatch.setattr(
        ExactIndex,
        "__init__",
        lambda self, *args, **how: built.append(self) or build(self, *args, **how),
    )
    return built


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32", "float64", "float16", "bfloat16"])
@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan"])
@pytest.mark.parametrize("is_mapped", [False, True])
def test_an_opened_index_answers_as_the_one_that_was_saved(
    tmp_path: Path, dtype: str, metric: str, is_mapped: bool, no_builds: list[Any]
) -> None:
    rows = make_rows(dtype=np.dtype(getattr(ml_dtypes, dtype, dtype)))
    if is_mapped and dtype != "bfloat16":  # which numpy.save does not know
        np.save(tmp_path / "rows.npy", rows)
        rows = np.load(tmp_path / "rows.npy", mmap_mode="r")
    search = NearestNeighbors(metric=metric, n_neighbors=3).fit(rows)
    save_index(search, tmp_path / "rows.index")
    del no_builds[:]
    again = open_index(tmp_path / "rows.index", verify=True)
    queries = make_rows(20, dtype=np.uint8).astype(rows.dtype)
    assert_same(again, search, queries)
    assert not no_builds
    assert again.get_params() == search.get_params()
    assert mapping_of(again.training_rows_) is not None
    again.partial_fit(queries).remove([5])
    assert_same(again, search.partial_fit(queries).remove([5]), queries)


def test_an_opened_index_is_not_chosen_again(tmp_path: Path, no_builds: list[Any]) -> None:
    rows = np.random.default_rng(8).integers(0, 256, (5000, 40), dtype=np.uint8)
    search = NearestNeighbors(n_neighbors=1).fit(rows)
    save_index(search, tmp_path / "rows.index")
    again = open_index(tmp_path / "rows.index")
    del no_builds[:]
    for _ in range(3):
        again.kneighbors(rows[:300], 400)
    assert not no_builds


@pytest.mark.parametrize("shape", [(30, 4), (700, 3), (5000, 3)])
def test_few_and_narrow_rows_have_no_index_to_save(tmp_path: Path, shape: tuple[int, int]) -> None:
    search = NearestNeighbors().fit(make_rows(*shape))
    save_index(search, tmp_path / "rows.index")
    assert_same(open_index(tmp_path / "rows.index"), search, make_rows(9, shape[1]))


def test_one_file_serves_all_cpu_paths(tmp_path: Path) -> None:
    rows = make_rows()
    save_index(NearestNeighbors().fit(rows), tmp_path / "rows.index")
    wanted = NearestNeighbors().fit(rows).kneighbors(rows[:50] + np.float32(0.3))[1]
    np.save(tmp_path / "wanted.npy", wanted)
    code = """if True:
        import sys, numpy as np
        from lookalike import open_index
        search = open_index(sys.argv[1])
        rows = np.asarray(search.training_rows_)
        assert (search.kneighbors(rows[:50])[1][:, 0] == np.arange(50)).all()
        assert (search.kneighbors(rows[:50] + np.float32(0.3))[1] == np.load(sys.argv[2])).all()
    """
    from lookalike import _core

    for path in _core.available_cpu_paths():
        subprocess.run(
            [
                sys.executable,
                "-c",
                code,
                str(tmp_path / "rows.index"),
                str(tmp_path / "wanted.npy"),
            ],
            env={"LOOKALIKE_CPU": path, "PATH": "/usr/bin"},
            check=True,
        )


def test_building_into_a_file_goes_on_where_it_was_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = make_rows(15_000, 64).reshape(-1, 8, 8)
    np.save(tmp_path / "rows.npy", images)
    file, path = np.load(tmp_path / "rows.npy", mmap_mode="r"), tmp_path / "rows.index"
    fitted: list[int] = []
    fit = NearestNeighbors.fit

    def count(self: NearestNeighbors, X: Any) -> Any:
        if len(fitted) == 1:
            fitted.append(0)
            raise KeyboardInterrupt
        fitted.append(len(X))
        return fit(self, X)

    monkeypatch.setattr(NearestNeighbors, "fit", count)
    with pytest.raises(KeyboardInterrupt):
        build_index(file, path, rows_at_once=6000)
    search = build_index(file, path, rows_at_once=6000)
    assert fitted == [6000, 0, 6000, 3000]
    assert sorted(own.name for own in tmp_path.iterdir()) == ["rows.index", "rows.npy"]
    monkeypatch.undo()
    one = NearestNeighbors().fit(images)
    assert_same(search, one, images[::2000])
    assert_same(open_index(path), one, images[::2000])
    assert search.n_samples_fit_ == 15_000
    assert_same(build_index(RowParts([images[:9], images[9:]]), path), one, images[::2000])


def test_a_predictor_takes_an_opened_index(tmp_path: Path, no_builds: list[Any]) -> None:
    rows = make_rows()
    labels = np.arange(len(rows)) % 5
    search = build_index(rows, tmp_path / "rows.index")
    del no_builds[:]
    one = KNeighborsClassifier(3).fit(search, labels)
    found = one.predict(rows[:40])
    assert not no_builds
    np.testing.assert_array_equal(
        found, KNeighborsClassifier(3).fit(rows, labels).predict(rows[:40])
    )
    with pytest.raises(ValueError, match="the search has metric='minkowski'"):
        KNeighborsClassifier(metric="cosine").fit(search, labels)
    with pytest.raises(ValueError, match="y has 9 targets"):
        KNeighborsClassifier().fit(search, labels[:9])


def test_parts_in_a_model_file(tmp_path: Path) -> None:
    rows = make_rows()
    search = NearestNeighbors().fit(RowParts([rows[:500], rows[500:]]))
    save_model(search, tmp_path / "parts.lookalike")
    assert_same(load_model(tmp_path / "parts.lookalike"), search, rows[:9])


def test_other_rows_are_refused(tmp_path: Path) -> None:
    rows = make_rows()
    np.save(tmp_path / "rows.npy", rows)
    save_index(
        NearestNeighbors().fit(np.load(tmp_path / "rows.npy", mmap_mode="r")), tmp_path / "i"
    )
    for other in (rows[:-1], rows[::-1].copy(), rows.astype(np.int16)):
        with pytest.raises(ModelError, match="are not those that were indexed"):
            open_index(tmp_path / "i", other)
    assert_same(open_index(tmp_path / "i", rows), NearestNeighbors().fit(rows), rows[:9])
    (tmp_path / "rows.npy").unlink()
    with pytest.raises(FileNotFoundError):
        open_index(tmp_path / "i")


def test_damage(tmp_path: Path) -> None:
    path = tmp_path / "i"
    save_index(NearestNeighbors().fit(make_rows()), path)
    whole = path.read_bytes()
    for size in (0, 7, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(ModelError):
            open_index(path)
    path.write_bytes(whole[:-3] + bytes([whole[-3] ^ 1]) + whole[-2:])
    with pytest.raises(ModelError, match="wrong checksum"):
        open_index(path, verify=True)
    path.write_bytes(whole.replace(b"lookalike-index", b"lookalike-model"))
    with pytest.raises(ModelError, match="holds no index"):
        open_index(path)


@pytest.mark.parametrize("name", ["order", "fine", "coarse_errors", "centroids", "levels"])
def test_arrays_that_do_not_fit_are_refused(name: str) -> None:
    rows = make_rows()
    if name == "coarse_errors":  # few dimensions, and noise
        rng = np.random.default_rng(7)
        rows = rng.standard_normal((20_000, 8)) @ rng.standard_normal((8, 784))
        rows = (rows + rng.standard_normal(rows.shape)).astype(np.float32)
    saved = ExactIndex(rows, "manhattan" if name == "levels" else "sqeuclidean").save()
    arrays = dict(saved["arrays"])
    if name not in arrays:  # costs depend on the machine
        pytest.skip("this index has none")
    for wrong in (arrays[name][:-64], np.zeros_like(arrays[name])[1:]):
        with pytest.raises(ValueError, match=r"too short|not aligned"):
            ExactIndex.opened(rows, {**saved, "arrays": {**arrays, name: wrong}})
    with pytest.raises(ValueError, match="number of numbers"):
        ExactIndex.opened(rows, {**saved, "numbers": []})


def test_an_order_of_other_rows_is_refused() -> None:
    rows = make_rows()
    saved = ExactIndex(rows, "sqeuclidean").save()
    arrays = dict(saved["arrays"])
    far = np.full(len(arrays["order"]) // 4, 6000, np.int32).view(np.uint8)
    with pytest.raises(ValueError, match=r"a row that there is not|not aligned"):
        ExactIndex.opened(rows, {**saved, "arrays": {**arrays, "order": far}})


def test_what_has_no_index_file(tmp_path: Path) -> None:
    search = NearestNeighbors(augmentation=Shifts(1)).fit(make_rows().reshape(-1, 6, 10))
    with pytest.raises(ModelError, match="without augmentation"):
        save_index(search, tmp_path / "i")
    assert index_file.VERSION == "1.0"
