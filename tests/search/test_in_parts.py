"""One batch of queries, one part in memory at a time."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike import NearestNeighbors, Shifts
from lookalike.search import search_parts


def make_parts(folder: Path) -> tuple[np.ndarray, list[Any]]:
    rows = np.random.default_rng(1).integers(0, 5, (900, 6, 6)).astype(np.uint8)
    np.save(folder / "second.npy", rows[300:302])
    return rows, [rows[:300], folder / "second.npy", lambda: rows[302:]]


@pytest.mark.parametrize("params", [{}, {"metric": "cosine"}, {"augmentation": Shifts(1)}])
def test_equal_to_one_search(tmp_path: Path, params: dict[str, Any]) -> None:
    rows, parts = make_parts(tmp_path)
    wanted = NearestNeighbors(**params).fit(rows).neighbors(rows[:40], 9)
    told: list[tuple[int, int]] = []
    for path in (None, tmp_path / "kept", tmp_path / "kept"):
        found = search_parts(
            parts,
            rows[:40],
            9,
            checkpoint=path,
            progress=lambda *pair: told.append(pair),
            **params,
        )
        np.testing.assert_array_equal(found.indices, wanted.indices)
        np.testing.assert_array_equal(found.distances, wanted.distances)
        assert (found.variants is None) == (wanted.variants is None)
        assert told[-1] == (120, 120)


def test_it_goes_on_after_the_parts_done(tmp_path: Path) -> None:
    rows, parts = make_parts(tmp_path)
    loaded: list[str] = []

    def first() -> Any:
        loaded.append("first")
        return rows[:300]

    def broken() -> Any:
        loaded.append("last")
        if loaded.count("last") == 1:
            raise KeyboardInterrupt
        return rows[302:]

    parts = [first, parts[1], broken]
    path = tmp_path / "kept"
    with pytest.raises(KeyboardInterrupt):
        search_parts(parts, rows[:40], 3, checkpoint=path)
    found = search_parts(parts, rows[:40], 3, checkpoint=path)
    assert loaded == ["first", "last", "last"]
    wanted = NearestNeighbors().fit(rows).neighbors(rows[:40], 3)
    np.testing.assert_array_equal(found.indices, wanted.indices)
    for other in ({"X": rows[1:41]}, {"n_neighbors": 4}, {"metric": "cosine"}):
        asked: dict[str, Any] = {"X": rows[:40], "n_neighbors": 3, **other}
        with pytest.raises(ValueError, match="other queries, parts or parameters"):
            search_parts(parts, checkpoint=path, **asked)


def test_a_bar_with_the_time_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows, parts = make_parts(tmp_path)
    search_parts(parts, rows[:4], verbose=True)
    assert "searching neighbours" in capsys.readouterr().err


def test_no_parts() -> None:
    with pytest.raises(ValueError, match="at least one"):
        search_parts([], [[1]])
