"""The benchmarks run, with and without the peers, and what they conclude is right."""

import json
import os
import re
import subprocess
import sys
from importlib import import_module
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from tests.processes import python

from lookalike import NearestNeighbors

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))  # where they find one another
agreement, bars, checks, data, harness = map(
    import_module, ("lib.agreement", "lib.bars", "lib.checks", "lib.data", "lib.harness")
)
cells_of_grid, contest = map(import_module, ("lib.cells", "lib.contest"))
augmented, grid_search, images, tuning = map(
    import_module, ("lib.augmented", "lib.grid_search", "lib.images", "tuning")
)

LINUX = Path("/proc/self/status").exists()


PEERS = ("faiss", "sklearnex")
RUN = f"""
import runpy, sys
sys.path.insert(0, {str(BENCHMARKS)!r})
hidden, *sys.argv = sys.argv[1:]
sys.modules.update(dict.fromkeys(hidden.split()))
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run(script, *arguments, hidden=()):
    """Run a benchmark that finds some modules not installed, and return its report."""
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    if sys.platform == "linux":  # elsewhere libraries may not survive a fork
        environment["BENCHMARK_PROCESSES"] = "fork"
    done = subprocess.run(
        [*python(), "-c", RUN, " ".join(hidden), BENCHMARKS / script, "--quick", *arguments],
        capture_output=True,
        encoding="utf-8",
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_with_figures(folder, script, *arguments, **options):
    """Return the report, and the figures that the benchmark wrote into a file of the folder."""
    file = folder / "figures.json"
    report = run(script, *arguments, f"--json={file}", **options)
    return report, json.loads(file.read_text(encoding="utf-8"))


def cells(report, first):
    """The cells of the table's line that begins with some text."""
    (line,) = re.findall(rf"^\| {re.escape(first)} .*$", report, re.MULTILINE)
    return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.mark.slow("starts a benchmark")
def test_search_beside_scikit_learn_names_the_peers_that_are_missing(tmp_path):
    report, figures = run_with_figures(
        tmp_path, "search.py", "--data=digits", "--peers", "faiss", "intelex",
        "sklearn-float64", hidden=PEERS,
    )  # fmt: skip
    assert "FAISS IndexFlatL2: not installed (pip install faiss-cpu)" in report
    assert "scikit-learn-intelex: not installed (pip install scikit-learn-intelex)" in report
    assert cells(report, "lookalike")[-1] == "1"
    assert "100 rows equal" in report
    assert list(figures["readings"]) == ["lookalike", "scikit-learn float64"]
    compared = figures["agreement"]["scikit-learn float64"]
    assert (compared["n"], compared["rounding"], compared["wrong"]) == (100, 0, 0)
    for (taken,) in figures["readings"].values():
        assert taken["seconds"].keys() == {"fit", "query"}
        assert min(taken["seconds"].values()) > 0
    ratios = {row["stages"]: row for row in figures["ratios"]}
    ours, theirs = (sum(taken["seconds"].values()) for (taken,) in figures["readings"].values())
    assert ratios["fit + query"]["ratio"] == pytest.approx(theirs / ours)
    assert ratios["fit + query"]["bar"] is None  # none was set for tiny sizes


@pytest.mark.parametrize(
    "name",
    [
        "gaussian",
        pytest.param("fashion-like", marks=pytest.mark.slow("starts a benchmark")),
        pytest.param("isotropic", marks=pytest.mark.slow("starts a benchmark")),
    ],
)
def test_search_on_made_data(name):
    report = run(
        "search.py", f"--data={name}", "--peers", "sklearn-uint8", "--cpu=portable", hidden=PEERS
    )
    assert "portable (forced)" in report
    is_float = name != "fashion-like"
    assert ("scikit-learn uint8: not for float32 data" in report) == is_float
    assert ("nobody: no peer was measured, so they are unchecked" in report) == is_float


@pytest.mark.slow("starts a benchmark")
@pytest.mark.mnist
def test_search_on_mnist():
    report = run("search.py", "--peers", "sklearn-float32", hidden=PEERS)
    assert "MNIST: 1,000 × 784 uint8, 100 queries, k=4, 2 threads" in report
    assert "scikit-learn float32: 100 of 100 rows equal" in report


@pytest.mark.slow("starts a benchmark")
def test_scaling():
    report = run("search.py", "--scaling", "--data=digits", hidden=PEERS)
    assert "FAISS IndexFlatL2: not installed (pip install faiss-cpu)" in report
    assert len(re.findall(r"^\| (?:500|1,000) ", report, re.MULTILINE)) == 2
    assert len(re.findall(r"^\| (?:8|16) ", report, re.MULTILINE)) == 2
    assert len(re.findall(r"^\| exponent, all +\| +-?\d\.\d\d \|", report, re.MULTILINE)) == 2


@pytest.mark.slow("starts a benchmark")
def test_grid_without_faiss(tmp_path):
    picture = tmp_path / "grid.png"
    report, figures = run_with_figures(
        tmp_path, "grid.py", "--rows=100", "--cells=2", f"--out={picture}", hidden=PEERS
    )
    assert "Grid" in report
    assert len(figures["cells"]) == len(figures["ratios"]) == 2
    for cell, ratio in zip(figures["cells"], figures["ratios"], strict=True):
        assert {"lookalike", "scikit-learn brute"} <= cell["seconds"].keys()
        assert "FAISS" not in cell["seconds"]
        totals = {name: np.median(np.sum(s, axis=1)) for name, s in cell["seconds"].items()}
        assert ratio == pytest.approx(
            min(own for name, own in totals.items() if name != "lookalike") / totals["lookalike"]
        )
    assert figures["wrong"] == 0
    assert picture.stat().st_size > 1000


def test_every_two_values_that_can_meet_meet_in_the_grid():
    every = [cells_of_grid.Cell(*values) for values in product(*cells_of_grid.LEVELS.values())]
    can_meet = {pair for cell in every if cell.is_possible for pair in cells_of_grid.pairs_of(cell)}
    chosen = cells_of_grid.choose_cells()
    assert len(set(chosen)) == cells_of_grid.N_CELLS
    assert all(cell.is_possible for cell in chosen)
    assert can_meet == {pair for cell in chosen for pair in cells_of_grid.pairs_of(cell)}


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan"])
def test_a_wrong_distance_is_found(metric):
    rows, query = np.array([[3, 4], [5, 1], [9, 9]], np.uint8), np.array([[1, 1]], np.uint8)
    distances, indices = NearestNeighbors(metric=metric).fit(rows).kneighbors(query, 2)
    assert contest.wrong_distances(rows, query, (distances, indices), metric) == 0
    assert contest.wrong_distances(rows, query, (distances + 1e-9, indices), metric) == 1
    assert agreement.compare(rows, query, indices, indices[:, ::-1], "float32", metric).wrong == 1


@pytest.mark.slow("starts a benchmark")
def test_audit(tmp_path):
    report, figures = run_with_figures(tmp_path, "audit.py", "--data=digits")
    assert "digits: 1,000 training images of 8 × 8 uint8, 100 test images, k=10" in report
    assert "10 labels changed to another class" in report
    assert figures["wrong"] == 0
    (found,) = figures["found"]["lookalike audit"]
    assert found["first"] >= 0.9
    assert [row["bar"] for row in figures["bars"]] == [None, None]  # none was set for tiny sizes


@pytest.mark.slow("starts a benchmark")
def test_matching(tmp_path):
    picture = tmp_path / "few.png"
    report, figures = run_with_figures(tmp_path, "matching.py", f"--out={picture}")
    titles = ("Test images", "Cross-validation", "What each part buys", "Kinds of", "Few labels")
    assert all(f"\n### {title}" in report for title in titles)
    assert figures
    assert picture.stat().st_size > 1000


@pytest.mark.slow("starts a benchmark")
def test_judging(tmp_path):
    report, figures = run_with_figures(tmp_path, "judging.py", "--data=digits")
    assert "scikit-learn's function around our classifier: 1,000 of 1,000 equal" in report
    assert "metrics, scikit-learn's: 5 of 5 equal" in report
    assert figures["wrong"] == 0
    assert figures["answers"]["choose_threshold"]["train"]["precision"] >= 0.99


@pytest.mark.slow("starts a benchmark")
def test_tuning(tmp_path):
    report, figures = run_with_figures(tmp_path, "tuning.py", "--data=digits")
    assert "digits: 1,000 training images of 8 × 8 uint8, 100 test images" in report
    assert "EXTRAPOLATED from single fits" in report
    assert cells(report, "scikit-learn float64, 6 candidates")[1].endswith(", extrapolated")
    assert "60 candidates and ours: 30 of 30 equal" in report
    assert (figures["wrong"], figures["full"]) == (0, False)
    (single,), (job,) = (figures[kind]["scikit-learn float64"] for kind in ("readings", "jobs"))
    fits = [single["seconds"][f"{w}, k={k}"] for w in ("uniform", "distance") for k in (3, 5)]
    expected = 30 * np.mean(fits) + single["seconds"]["refit"]
    assert job["seconds"]["fit"] == pytest.approx(expected)
    ours = figures["readings"]["lookalike, 6 candidates"][0]["seconds"]["fit"]
    faster, larger = figures["ratios"]
    assert faster["ratio"] == pytest.approx(expected / ours)
    assert faster["bar"] is larger["bar"] is None  # none was set for tiny sizes
    assert (faster["at_most"], larger["at_most"]) == (False, True)


@pytest.mark.slow("starts a benchmark")
def test_augmentation_without_faiss(tmp_path):
    report, figures = run_with_figures(tmp_path, "augmentation.py", "--data=digits", hidden=PEERS)
    assert "FAISS IndexFlatL2: not installed (pip install faiss-cpu)" in report
    assert "100 test images, grown to 5,000, k=4, 2 threads" in report
    assert "by a search of the copies: 100 of 100 equal" in report
    assert figures["wrong"] == 0
    plain, *others = figures["index_bytes"].values()
    assert all(plain < other for other in others)
    for (taken,) in figures["readings"].values():
        assert taken["seconds"].keys() == {"fit", "predict"}
    (ratio,) = (row for row in figures["ratios"] if row["stages"] == "fit + predict")
    ours, theirs = (
        sum(figures["readings"][name][0]["seconds"].values())
        for name in ("lookalike, Shifts(1)", "scikit-learn float64")
    )
    assert ratio["ratio"] == pytest.approx(theirs / ours)


@pytest.mark.slow("starts a benchmark")
@pytest.mark.mnist
def test_denoising_without_the_filters_of_others(tmp_path):
    report, figures = run_with_figures(
        tmp_path, "denoising.py", "--without-peers", "--noise=saltpepper", "--images=20",
        "--train=60", f"--out={tmp_path}",
    )  # fmt: skip
    for model in ("KNeighborsClassifier", "KNeighborsRegressor"):
        assert f"- cleaned images, {model}, scikit-learn's and ours: 20 of 20 equal" in report
    assert cells(report, "lookalike, best")[-1] == cells(report, "noisy")[-1] == "20"
    assert cells(report, "best, fit")[2:] == ["–", "–"]  # no bar was set for tiny sizes
    by_name = {one["name"]: one["finishes"] for one in figures["saltpepper"]["methods"]}
    assert by_name["noisy"]["alone"][0] < by_name["lookalike, best"]["alone"][0]
    assert [one["noise"] for one in figures["saltpepper"]["levels"]] == [
        "SaltAndPepper(0.1)", "SaltAndPepper(0.2)", "SaltAndPepper(0.4)",
    ]  # fmt: skip
    assert (tmp_path / "saltpepper.png").exists()


@pytest.mark.slow("starts a benchmark")
def test_photographs(tmp_path):
    for module in ("skimage", "pywt"):
        pytest.importorskip(module)
    report, figures = run_with_figures(
        tmp_path, "photographs.py", "--noise=gaussian", "--colours=grey", f"--out={tmp_path}",
    )  # fmt: skip
    rows = figures["grey, gaussian"]["rows"]
    for noisy, ours in zip(rows["noisy"], rows["lookalike"], strict=True):
        assert noisy < ours
    assert cells(report, "total variation")[1] == f"{rows['total variation'][0]:.2f}"
    assert (tmp_path / "grey-gaussian.png").exists()


@pytest.mark.parametrize("script", ["denoising.py", "photographs.py"])
def test_what_is_missing_is_said(script):
    with pytest.raises(AssertionError, match=r"scikit-image.* not installed: pip install"):
        run(script, hidden=["skimage"])


@pytest.mark.slow("starts a benchmark")
def test_trees(tmp_path):
    _, figures = run_with_figures(tmp_path, "trees.py")
    assert len(figures["lines"]) == 2 * 2 * 3
    assert figures["lines"][0][7] == "2,080"  # the limit for five neighbours


@pytest.mark.slow("starts a benchmark")
@pytest.mark.skipif(not LINUX, reason="bytes read are counted by Linux")
def test_scale(tmp_path):
    report, figures = run_with_figures(
        tmp_path, "scale.py", f"--folder={tmp_path}", "--peers", hidden=PEERS
    )
    assert report.count("5 queries compared with all distances: 0 WRONG") == 3
    for name in ("vectors", "bytes", "disk"):
        found = figures[name]["lookalike"]
        assert found["cold"]["queries"] == 1000
        assert found["index_bytes"] > 0
    assert not [own for own in tmp_path.iterdir() if own.name != "figures.json"]


@pytest.mark.slow("starts a benchmark")
def test_startup():
    report = run("startup.py")
    alone, whole = (float(cells(report, name)[1]) for name in ("python -c pass", "first fit"))
    assert 0 < alone < whole


@pytest.mark.slow("starts a server, disturbs and restarts it")
@pytest.mark.skipif(not LINUX, reason="finds workers and their memory in /proc")
def test_operating(tmp_path):
    report, figures = run_with_figures(tmp_path, "operating.py")
    assert "| lost                 |     0 |" in report
    counts = figures["counts"]
    for name in ("reloads", "floods", "kills of a worker", "restarts", "right"):
        assert counts[name] > 0
    assert counts["408 of a slow sender"] == counts["slow senders"]
    assert figures["lost"] == []
    assert len(figures["memory"]) == counts["floods"]


@pytest.mark.slow("starts a benchmark")
def test_model_files(tmp_path):
    report, figures = run_with_figures(tmp_path, "models.py")
    assert "MiB on disk" in report
    found = figures["found"]
    assert found.keys() == {"KNeighborsClassifier", "LookalikeClassifier"}
    for one in found.values():
        assert min(one["save"], *one["open"], *one["next prediction"]) > 0
        if LINUX:
            memory = one["memory"]
            # Most of it is mapped, and counted half to either process.
            assert memory["Shared_Clean"] > 0.5 * one["bytes"]
            assert memory["Pss"] < 0.75 * memory["Rss"]


@pytest.mark.slow("starts a benchmark")
def test_serving(tmp_path):
    report, figures = run_with_figures(tmp_path, "serving.py")
    loads = figures["loads"]
    assert loads.keys() == {"png", "png as_is", "json as_is"}
    for kind, of in loads.items():
        assert (
            int(cells(report, f"{kind:10} |")[1].replace(",", ""))
            == round(of["closed"]["rate"])
            > 0
        )
        for one in of.values():
            assert one["statuses"].keys() == {"200"}
            assert 0 < one["ms"]["0.5"] <= one["ms"]["1"]


ROWS = np.array([[0, 0], [3, 4], [5, 0], [100, 0], [0, 6]], dtype=np.uint8)
QUERY = np.array([[0, 0]], dtype=np.uint8)


@pytest.mark.parametrize(
    ("theirs", "verdict"),
    [
        ([0, 1, 2], "equal"),
        ([0, 2, 1], "ties"),  # 3² + 4² = 5²
        ([0, 1, 4], "wrong"),  # 25 < 36
        ([0, 1, 1], "wrong"),
        ([0, 1, -1], "wrong"),
        ([0, 1, 5], "wrong"),
    ],
)
def test_verdict_on_integers(theirs, verdict):
    ours = np.array([[0, 1, 2]])
    result = vars(agreement.compare(ROWS, QUERY, ours, np.array([theirs]), "float32"))
    kinds = ("equal", "ties", "rounding", "wrong")
    assert {kind: result[kind] for kind in kinds} == {kind: kind == verdict for kind in kinds}


def test_a_swap_within_float32_is_rounding_only_of_float32_and_only_theirs():
    rows = np.array([[1.0], [1.0 + 1e-8]])
    ours, theirs = np.array([[0, 1]]), np.array([[1, 0]])
    query = np.zeros((1, 1))
    assert agreement.compare(rows, query, ours, theirs, "float32").rounding == 1
    assert agreement.compare(rows, query, ours, theirs, "float64").wrong == 1
    assert agreement.compare(rows, query, theirs, ours, "float32").wrong == 1


def test_ratios_take_the_fastest_of_the_peers():
    def taken(fit, query):
        return [harness.Reading({"fit": fit, "query": query})]

    readings = {
        "ours": taken(1, 1),
        "scikit-learn uint8": taken(0, 60),
        "scikit-learn float64": taken(0, 50),
        "scikit-learn-intelex": taken(0, 9),
        "FAISS IndexFlatL2": taken(4, 16),
    }
    rows = bars.ratio_rows(readings, "ours", bars.choose_bars("mnist", None, True))
    assert [(row["against"], row["ratio"], row["bar"], row["reached"]) for row in rows] == [
        ("scikit-learn float64", 25, 25, True),
        ("scikit-learn float64", 50, 40, True),
        ("FAISS IndexFlatL2", 10, 12, False),
        ("FAISS IndexFlatL2", 16, 20, False),
    ]
    assert "MISSED" in bars.ratio_table(rows)
    (forced,) = bars.choose_bars("mnist", "avx2", True)
    assert (forced.against, forced.factor) == ("scikit-learn ", 6)
    assert bars.choose_bars("mnist", None, False) == []


def test_a_ratio_to_stay_under():
    (under, at) = (bars.ratio_row("a", "b", ratio, 1.3, at_most=True) for ratio in (1.29, 1.3))
    assert (under["reached"], at["reached"]) == (True, False)
    assert cells(bars.ratio_table([at]), "a, as a multiple of b")[1:] == [
        "1.3×",
        "under 1.3×",
        "MISSED",
    ]


@pytest.mark.parametrize(
    ("value", "at_most", "verdict"),
    [(30.3, False, "reached"), (30.29, False, "MISSED"), (30.29, True, "reached")],
)
def test_a_value_beside_its_bar(value, at_most, verdict):
    row = bars.value_row("ratio", value, " dB", 30.3, at_most=at_most)
    limit = "under 30.3 dB" if at_most else "at least 30.3 dB"
    assert cells(bars.value_table([row]), "ratio")[1:] == [f"{value:g} dB", limit, verdict]


def test_checks_count_what_is_wrong():
    done = checks.Checks()
    done.add("nothing", 0, 0)
    done.add("some", 1_000, 2, 3)
    done.add("all", 7, 0)
    assert (
        str(done) == "- some: 995 of 1,000 equal, 3 different by ties, 2 WRONG\n- all: 7 of 7 equal"
    )
    assert done.wrong == 2


@pytest.fixture(scope="module")
def digits():
    with images.stored_images("digits", quick=True) as stored:
        yield stored


def test_whole_and_single_searches_of_scikit_learn_find_what_ours_finds(digits):
    grid = {"weights": ["uniform", "distance"], "n_neighbors": [1, 3]}
    ours = grid_search.search_ours(digits, grid, 5, 1).answer
    whole = grid_search.search_sklearn(digits, grid, "float64", 1).answer
    assert whole == ours
    assert len(ours.mean_scores) == 4
    assert {len(scores) for scores in ours.split_scores.values()} == {5}
    measured = grid_search.measured_candidates(grid)
    single = grid_search.fit_sklearn_singly(digits, measured, ours.best, "float64", 1)
    assert list(single.seconds) == [*map(grid_search.as_text, measured), "refit", "score"]
    for candidate in measured:
        assert single.answer.split_scores[candidate] == whole.split_scores[candidate][:1]
    assert single.answer.test_score == whole.test_score
    assert single.answer.score((ours.best, 1)) is None  # not searched
    assert grid_search.extrapolate(single, grid).seconds["fit"] == pytest.approx(
        5 * sum(single.seconds[grid_search.as_text(one)] for one in measured)
        + single.seconds["refit"]
    )


@pytest.mark.parametrize("fold", [2, None])
def test_predictions_differ_from_scikit_learns_by_ties_alone(digits, fold):
    places = [((weights, 4), fold) for weights in ("uniform", "distance")]
    for found in grid_search.differences(digits, places, "float64", 1):
        assert found.n_ties == found.n


@pytest.mark.parametrize(
    ("n", "n_ties", "verdict"),
    [
        (0, 0, "1 WRONG"),  # the scores differ, the predictions do not
        (3, 2, "1 WRONG"),
        (2, 2, "1 different by ties"),
    ],
)
def test_a_score_unlike_ours_is_wrong_unless_ties_explain_it(monkeypatch, n, n_ties, verdict):
    from lookalike.evaluation.peers import Differences

    def found():
        scores = {one: [0.9] * 5 for one in grid_search.candidates(grid_search.GRID)}
        means = dict.fromkeys(scores, 0.9)
        return grid_search.Found(scores, means, ("distance", 4), 0.9, 0.95)

    theirs = found()
    theirs.split_scores["uniform", 3] = [0.9, 0.8, 0.9, 0.9, 0.9]
    peer = import_module("lib.peers").PEERS["sklearn-float64"]
    answers = {tuning.OURS: found(), tuning.OURS_LARGE: found(), peer.name: theirs}
    jobs = {name: [harness.Reading(answer=answer)] for name, answer in answers.items()}
    asked = []

    def fresh(work, data, places, dtype, n_threads):
        asked.extend(places)
        return [Differences(n, n_ties)]

    monkeypatch.setattr(tuning, "in_fresh_process", fresh)
    done = tuning._compare(jobs, None, peer, 2, known=False)
    assert asked == [(("uniform", 3), 1)]
    assert f"scikit-learn float64 and ours: 30 of 31 equal, {verdict}" in str(done)
    assert done.wrong == ("WRONG" in verdict)


def test_a_search_without_copies_is_examined_beside_one_of_the_copies(digits):
    from lookalike import Shifts

    grown = digits.grown(Shifts(1))
    rows, labels = digits.training()
    np.testing.assert_array_equal(grown.rows[:1000], rows)
    # Beside the images as they are, those moved right by one pixel.
    moved = digits.as_images(np.array(grown.rows[1000:2000]))
    np.testing.assert_array_equal(moved[:, :, 1:], digits.as_images(rows)[:, :, :-1])
    np.testing.assert_array_equal(grown.training()[1], np.tile(labels, 5))
    prediction = augmented.classify_ours(grown, None, 1).answer
    prediction[0] = (prediction[0] + 1) % 10  # of an image whose neighbours agree
    found = augmented.examine(digits, grown, Shifts(1), prediction, [Shifts(2)], 1)
    np.testing.assert_array_equal(found.indices, found.copied_indices)
    np.testing.assert_array_equal(found.distances, found.copied_distances)
    assert found.indices.max() >= 1000
    assert (found.differences.n, found.differences.n_ties) == (1, 0)
    plain, shifted = found.index_bytes
    assert plain < shifted


@pytest.mark.skipif(not LINUX, reason="elsewhere only the peak since the start can be told")
def test_peak_memory_is_that_of_the_block_alone():
    np.ones(200 * harness.MIB, dtype=np.uint8)  # a peak before it
    with harness.reading() as result:
        np.ones(64 * harness.MIB, dtype=np.uint8)
    # Linux counts pages in batches, so that a little may be missing.
    assert 62 * harness.MIB <= result.peak_bytes < 72 * harness.MIB


def test_a_fresh_process_has_its_environment_and_ours_keeps_its_own(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    found = harness.in_fresh_process(
        os.getenv, "OMP_NUM_THREADS", environment={"OMP_NUM_THREADS": "3"}
    )
    assert (found, os.environ["OMP_NUM_THREADS"]) == ("3", "7")


def test_contenders_take_turns_and_slow_ones_fewer(monkeypatch):
    order = []
    monkeypatch.setattr(
        harness, "in_fresh_process", lambda work, *args, environment: work(*args, environment)
    )

    def work(name, environment):
        order.append((name, environment["OMP_NUM_THREADS"]))
        return harness.Reading()

    contenders = [
        harness.Contender(name, work, (name,), rounds) for name, rounds in (("a", 3), ("b", 1))
    ]
    with harness.progress_on_stderr() as progress:
        readings = harness.alternate(contenders, n_threads=2, progress=progress)
    assert order == [("a", "2"), ("b", "2"), ("a", "2"), ("a", "2")]
    assert [len(taken) for taken in readings.values()] == [3, 1]


@pytest.mark.parametrize("exponent", [0.5, 1, 2])
def test_fitted_exponent(exponent):
    sizes = np.array([10, 100, 3000])
    assert harness.fit_exponent(sizes, 7 * sizes**exponent) == pytest.approx(exponent)


def test_spread_and_table():
    spread = harness.Spread.of([1.0, 3.0, 2.0])
    assert str(spread) == "2.00 (1.00–3.00)"
    assert harness.table(["", "s"], [["ours", spread]]).splitlines() == [
        "|      |                s |",
        "| ---- | ---------------: |",
        "| ours | 2.00 (1.00–3.00) |",
    ]


def test_perturbed_copies_are_shifted_images_with_little_noise():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (6, 28, 28), dtype=np.uint8)
    grown = data._with_perturbed_copies(images, 16, rng)
    assert grown.shape == (16, 28, 28)
    np.testing.assert_array_equal(grown[:6], images)
    padded = np.pad(images, ((0, 0), (2, 2), (2, 2))).astype(int)
    for i in range(6, 16):
        off = {
            (y, x): np.abs(grown[i] - padded[i % 6, y : y + 28, x : x + 28]).max()
            for y in range(5)
            for x in range(5)
        }
        shift = min(off, key=off.get)
        assert shift != (2, 2)
        assert 0 < off[shift] <= 8


@pytest.mark.slow("fits six classifiers to pictures of two sizes")
def test_pictures_beside_others(tmp_path, monkeypatch):
    pytest.importorskip("skimage")
    monkeypatch.setenv("LOOKALIKE_DATA", str(tmp_path))
    report, figures = run_with_figures(tmp_path, "pictures.py")
    assert "There is no folder clipart in $LOOKALIKE_DATA" in report
    assert "photographs 24: 60 training images of 24 × 24 × 3 uint8, 30 test images" in report
    for own in figures["sizes"]["photographs 24"].values():
        assert own[0]["cpu_seconds"] > 0
    assert [row["what"] for row in figures["cost"]["bars"]] == ["lookalike fast: exponent of CPU s"]


@pytest.mark.slow("fits four classifiers in a process each")
def test_vectors_beside_others(tmp_path):
    report, figures = run_with_figures(tmp_path, "features.py", "--part=few")
    assert "digits, 240 × 64: few of a class, error in percent, mean of 2 draws" in report
    errors = figures["few"]["errors"]["lookalike balanced"]
    assert cells(report, "lookalike balanced")[1] == f"{np.mean(errors[0]):.1f}"
    assert len(figures["few"]["verdicts"]) == 2
    assert figures["few"]["verdicts"][0].startswith("- 1 a class: ")
