"""Searches on the workers of a dask cluster: the answers of one machine, or one clear error."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
from distributed import Client, LocalCluster
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.datasets import load_digits
from typer.testing import CliRunner

from lookalike import (
    KNeighborsClassifier,
    KNeighborsRegressor,
    KNeighborsSearchCV,
    LookalikeClassifier,
    NearestNeighbors,
    Shifts,
)
from lookalike.cli.app import app
from lookalike.distributed import (
    DaskKNeighborsClassifier,
    DaskKNeighborsRegressor,
    DaskNearestNeighbors,
    predict_blocks,
    searching,
)
from lookalike.search import cluster as waiting
from lookalike.search.cluster_rows import DistributedRows

digits = load_digits()
IMAGES, LABELS = digits.images.astype(np.uint8), digits.target
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """Two workers, which are threads of this process."""
    with Client(
        processes=False, n_workers=2, threads_per_worker=1, dashboard_address=None
    ) as client:
        yield client


@pytest.fixture(scope="module")
def processes() -> Iterator[Client]:
    """Two workers, which are processes that are started again when they end."""
    with (
        warnings.catch_warnings(action="ignore"),
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as made,
        Client(made) as client,
    ):
        yield client


def on(client: Client, estimator: Any, replicate: bool | None = None) -> Any:
    estimator.client, estimator.replicate = client, replicate
    return estimator


@st.composite
def cases(draw: st.DrawFn) -> dict[str, Any]:
    """Rows with many ties, or floats that are nearly equal; cut anywhere, also into empty parts."""
    n, d = draw(st.integers(2, 60)), draw(st.integers(1, 9))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows = rng.integers(0, 4, (n + 5, d))
    kind = draw(st.sampled_from(["uint8", "int16", "float32", "near"]))
    rows = 1e3 + rows * 1e-13 if kind == "near" else rows.astype(kind)
    cuts = sorted(draw(st.lists(st.integers(0, n), max_size=4)))
    return {
        "rows": rows[:n],
        "queries": rows[n:],
        "parts": np.split(rows[:n], cuts),
        "groups": rng.integers(0, 3, n + 5),
        "k": draw(st.integers(1, n)),
        "metric": draw(st.sampled_from(["euclidean", "cosine", "manhattan"])),
        "replicate": draw(st.booleans()),
    }


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(case=cases())
def test_any_division_of_the_rows_gives_the_answer_of_one_machine(client, case):
    here = NearestNeighbors(n_neighbors=case["k"], metric=case["metric"]).fit(case["rows"])
    there = on(client, DaskNearestNeighbors(n_neighbors=case["k"], metric=case["metric"]))
    there.replicate = case["replicate"]
    there.fit(case["parts"])
    n = len(case["rows"])
    asked = [
        {"X": case["queries"]},
        {"X": case["queries"], "exclude": (case["groups"][n:], case["groups"][:n])},
        {"X": None},
        {"X": None, "exclude": case["groups"][:n]},
    ]
    for one in asked:
        for found, expected in zip(there.table(**one)[:3], here.table(**one)[:3], strict=True):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("replicate", [True, False])
def test_dask_arrays_delayed_parts_and_files_are_rows(client, replicate, tmp_path):
    expected = KNeighborsClassifier(4, weights="distance").fit(IMAGES[:1000], LABELS[:1000])
    chunked = da.from_array(IMAGES[:1000], chunks=(300, 4, 8))
    for number, part in enumerate(np.array_split(IMAGES[:1000], 3)):
        np.save(tmp_path / f"{number}.npy", part)
    files = [tmp_path / f"{number}.npy" for number in range(3)]
    delayed = [dask.delayed(np.load)(file) for file in files]
    for X in (chunked, delayed, files, IMAGES[:1000]):
        knn = on(client, DaskKNeighborsClassifier(4, weights="distance"), replicate)
        knn.fit(X, da.from_array(LABELS[:1000], chunks=300))
        np.testing.assert_array_equal(
            knn.predict_proba(IMAGES[1000:1100]), expected.predict_proba(IMAGES[1000:1100])
        )
        asked = da.from_array(IMAGES[1000:1100], chunks=(30, 8, 8))
        np.testing.assert_array_equal(knn.predict(asked), expected.predict(IMAGES[1000:1100]))
        assert ("share the queries" in knn.placement_) == replicate


@pytest.mark.parametrize("replicate", [True, False])
def test_predictors_are_those_of_one_machine(client, replicate):
    for theirs, ours, y in (
        (DaskKNeighborsClassifier, KNeighborsClassifier, np.c_[LABELS, LABELS % 2]),
        (DaskKNeighborsRegressor, KNeighborsRegressor, LABELS * 1.5),
    ):
        options = {"n_neighbors": 3, "weights": "distance", "augmentation": Shifts(1)}
        there = on(client, theirs(**options), replicate).fit(IMAGES[:300], y[:300])
        here = ours(**options).fit(IMAGES[:300], y[:300])

        def check(there: Any = there, here: Any = here) -> None:
            for X in (IMAGES[400:450], None):
                np.testing.assert_array_equal(there.predict(X), here.predict(X))

        check()
        np.testing.assert_array_equal(
            there.explain(IMAGES[400:402]).indices, here.explain(IMAGES[400:402]).indices
        )
        np.testing.assert_array_equal(
            there.training_images([7, 200, 3]), here.training_images([7, 200, 3])
        )
        for change in (
            lambda knn, y=y: knn.partial_fit(IMAGES[300:330], y[300:330]),
            lambda knn: knn.remove([0, 5, 299, 329]),
            lambda knn, y=y: knn.partial_fit(IMAGES[330:333], y[330:333]),
        ):
            change(there), change(here)
            check()
        copied = clone(there)
        assert (copied.client, copied.replicate) == (client, replicate)


def test_rows_are_copied_to_the_workers_only_if_they_fit(client, monkeypatch):
    search = on(client, DaskNearestNeighbors())
    assert "all 500 rows" in search.fit(IMAGES[:500]).placement_
    monkeypatch.setattr("lookalike.search.cluster_rows.MEMORY_SHARE", 1e-9)
    assert "2 parts" in search.fit(IMAGES[:500]).placement_


def test_a_grid_search_by_a_cluster_has_the_same_results(client):
    grid = {"n_neighbors": [1, 3, 5], "weights": ["uniform", "distance"], "metric": ["l1", "l2"]}
    here = KNeighborsSearchCV(KNeighborsClassifier(), grid, cv=3).fit(IMAGES[:400], LABELS[:400])
    there = KNeighborsSearchCV(KNeighborsClassifier(), grid, cv=3, client=client)
    there.fit(IMAGES[:400], LABELS[:400])
    timed = [name for name in here.cv_results_ if "time" in name]
    for name in here.cv_results_.keys() - timed:
        np.testing.assert_array_equal(here.cv_results_[name], there.cv_results_[name])
    np.testing.assert_array_equal(here.predict(IMAGES[400:]), there.predict(IMAGES[400:]))


def test_any_estimator_predicts_in_blocks(client):
    model = LookalikeClassifier("fast").fit(IMAGES[:300], LABELS[:300])
    done: list[tuple[int, int]] = []
    there = predict_blocks(
        model,
        IMAGES[300:400],
        method="predict_proba",
        client=client,
        progress=lambda *numbers: done.append(numbers),
    )
    np.testing.assert_array_equal(there, model.predict_proba(IMAGES[300:400]))
    assert done[-1] == (100, 100)


def test_all_longer_searches_are_done_by_the_workers_while_wanted(client, monkeypatch):
    monkeypatch.setattr("lookalike.search.nearest.SHORT_PAIRS", 0)
    asked: list[int] = []
    query = DistributedRows.query

    def counted(self: DistributedRows, queries: Any, *args: Any, **options: Any) -> Any:
        asked.append(len(queries))
        return query(self, queries, *args, **options)

    monkeypatch.setattr(DistributedRows, "query", counted)
    knn = KNeighborsClassifier(3, augmentation=Shifts(1)).fit(IMAGES[:300], LABELS[:300])
    expected = knn.predict(IMAGES[300:350]), knn.predict(None)
    with searching(client):
        np.testing.assert_array_equal(knn.predict(IMAGES[300:350]), expected[0])
        np.testing.assert_array_equal(knn.predict(None), expected[1])
    assert asked == [50, 300]
    knn.predict(IMAGES[300:350])
    assert len(asked) == 2


def test_commands_take_the_address_of_a_scheduler(client, monkeypatch, tmp_path):
    monkeypatch.setattr("lookalike.search.nearest.SHORT_PAIRS", 0)
    words = ["tune", "digits", "--k", "1-3", "--cv", "2", "--json"]
    here = CliRunner().invoke(app, words)
    there = CliRunner().invoke(app, [*words, "--scheduler", client.scheduler.address])
    assert there.exit_code == 0, there.output
    first, second = (json.loads(done.stdout) for done in (here, there))
    assert {**first, "seconds": 0} == {**second, "seconds": 0}
    none = CliRunner().invoke(app, [*words, "--scheduler", "no address"])
    assert none.exit_code == 1
    assert "there is no scheduler at 'no address'" in none.stderr


def test_what_can_not_be_done_is_told(client, tmp_path):
    search = on(client, DaskNearestNeighbors())
    with pytest.raises(ValueError, match="metric='chebyshev' is none that workers search by"):
        search.fit(IMAGES[:9].reshape(9, -1), None).set_params(metric="chebyshev").fit([IMAGES[:9]])
    with pytest.raises(ValueError, match="only whole numbers or only floats"):
        search.fit([IMAGES[:5], IMAGES[:5] / 2])
    with pytest.raises(ValueError, match="at least one row"):
        search.fit([IMAGES[:0]])
    with pytest.raises(FileNotFoundError, match=r"gone\.npy"):
        search.fit([tmp_path / "gone.npy"])
    with pytest.raises(ValueError, match="Input X contains NaN"):
        search.set_params(metric="euclidean").fit([np.ones((3, 2)), np.full((2, 2), np.nan)])
    with pytest.raises(TypeError, match="can not be pickled"):
        clone(search).fit(IMAGES[:9])._searcher.__getstate__()


def test_the_how_to_runs(capsys):
    page = Path(__file__).parents[1] / "docs" / "howto" / "cluster.md"
    for block in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        exec(compile(block, str(page), "exec"), {"__name__": "__main__"})
    placed, score, *scores = capsys.readouterr().out.splitlines()
    assert "share the queries" in placed
    assert float(score) > 0.9
    assert len(scores) == 3


def test_a_closed_client_is_told(monkeypatch):
    client = Client(processes=False, n_workers=1, dashboard_address=None)
    search = on(client, DaskNearestNeighbors()).fit(IMAGES[:9])
    client.close()
    with pytest.raises(RuntimeError, match="client is closed; make a new one"):
        search.kneighbors(IMAGES[:2])


def test_a_cluster_without_workers_is_told(monkeypatch):
    monkeypatch.setattr(waiting, "PATIENCE", 0.2)
    monkeypatch.setattr(waiting, "POLL", 0.1)
    with (
        Client(processes=False, n_workers=0, dashboard_address=None) as client,
        pytest.raises(RuntimeError, match=r"has had no workers for 0\.2 s"),
    ):
        on(client, DaskNearestNeighbors()).fit(IMAGES[:9])


def kill_one(client: Client) -> None:
    os.kill(min(client.run(os.getpid).values()), signal.SIGKILL)


@pytest.mark.slow("starts processes, ends them, and waits until others take their place")
@pytest.mark.parametrize("replicate", [True, False])
def test_workers_may_end_and_come_at_any_time(processes, replicate):
    here = NearestNeighbors(n_neighbors=3).fit(IMAGES).kneighbors(IMAGES[:700])
    X = IMAGES if replicate else da.from_array(IMAGES, chunks=(500, 8, 8))
    search = on(processes, DaskNearestNeighbors(n_neighbors=3), replicate).fit(X)
    kill_one(processes)
    late = threading.Timer(0.1, kill_one, [processes])
    late.start()
    for _ in range(3):
        for found, expected in zip(search.kneighbors(IMAGES[:700]), here, strict=True):
            np.testing.assert_array_equal(found, expected)
    late.join()


@pytest.mark.slow("starts processes, which end at their task")
def test_workers_that_end_again_and_again_are_told(processes, monkeypatch):
    search = on(processes, DaskNearestNeighbors(), False).fit(IMAGES)
    monkeypatch.setattr(waiting, "TRIES", 1)
    monkeypatch.setattr(
        "lookalike.search.cluster_rows._query", lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    )
    with pytest.raises(RuntimeError, match="ended again and again"):
        search.kneighbors(IMAGES[:5])
