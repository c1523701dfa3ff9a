"""What memory a fit takes, told beforehand, and refused where there is not as much."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.traced_memory import TracedMemory

from lookalike import LookalikeClassifier
from lookalike.estimators import lookalike as estimator
from lookalike.matching import memory_needs as module


def textures(n, shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, *shape)).astype(np.uint8)


@pytest.mark.parametrize(
    ("effort", "limit"),
    [
        ("fast", {"max_memory": 60}),
        *(
            pytest.param("balanced", limit, marks=pytest.mark.slow("fits with more effort"))
            for limit in ({}, {"max_memory": 60})
        ),
    ],
)
def test_what_does_not_fit_is_refused_and_the_cure_works(effort, limit, monkeypatch):
    monkeypatch.setattr(module, "available_bytes", lambda: 60 * 2**20)
    images, labels = textures(400, (32, 32, 3)), np.arange(400) % 4
    classifier = LookalikeClassifier(effort, **limit)
    with pytest.raises(ValueError, match=f"400 images of 32 x 32 x 3 .* effort='{effort}'") as told:
        classifier.fit(images, labels)
    assert ("max_memory=60 (MiB)" if limit else "60 MiB are free") in str(told.value)
    n = int(re.search(r"at most (\d+) images", str(told.value))[1])
    assert 4 < n < 400
    assert classifier.fit(images[:n], labels[:n]).n_samples_fit_ == n
    assert classifier.estimate(n, (32, 32, 3), n_classes=4) <= 60 * 2**20


def test_another_effort_is_named_where_it_helps():
    images, labels = textures(60, (64, 64, 3)), np.arange(60) % 3
    least = LookalikeClassifier("fast").estimate(60, (64, 64, 3), n_classes=3) / 2**20
    with pytest.raises(ValueError, match='or effort="fast", or a larger max_memory'):
        LookalikeClassifier("best", max_memory=least + 1).fit(images, labels)
    LookalikeClassifier("fast", max_memory=least + 1).fit(images, labels)
    with pytest.raises(ValueError, match="give a larger max_memory"):
        LookalikeClassifier("fast", max_memory=0.5).fit(images, labels)


@pytest.mark.parametrize("wrong", [0, -1, "much", True])
def test_limits_that_are_none(wrong):
    with pytest.raises((TypeError, ValueError), match=r"max_memory=.* give a number of MiB"):
        LookalikeClassifier(max_memory=wrong).fit(textures(4, (8, 8)), [0, 1, 0, 1])


def test_memory_grows_with_images_and_not_with_pixels_beyond_the_bound():
    classifier = LookalikeClassifier("fast")
    few, more = (classifier.estimate(n, (256, 256, 3)) for n in (20_000, 40_000))
    assert 1.7 < more / few < 2.1
    larger = classifier.estimate(20_000, (1024, 1024, 3))
    assert larger == few
    assert classifier.estimate(20_000, (256, 256, 3), dtype="float32") > few + 2 * 10**9


@pytest.fixture
def fitted():
    return LookalikeClassifier("fast", n_jobs=1).fit(textures(60, (16, 16)), np.arange(60) % 3)


@pytest.mark.parametrize("limit", [{"max_memory": 25}, {}])
def test_changes_that_do_not_fit_are_refused_and_the_cures_work(limit, fitted, monkeypatch):
    monkeypatch.setattr(module, "available_bytes", lambda: 25 * 2**20)
    fitted.set_params(**limit)
    more, labels = textures(1000, (16, 16), seed=1), np.arange(1000) % 3
    refusal = r"1,060 images of 16 x 16 take about \d+ MiB .*, or relearn=False"
    with pytest.raises(ValueError, match=refusal) as told:
        fitted.partial_fit(more, labels)
    assert ("max_memory=25 (MiB)" if limit else "25 MiB are free") in str(told.value)
    assert fitted.n_samples_fit_ == 60
    most = int(re.search(r"at most ([\d,]+) images", str(told.value))[1].replace(",", ""))
    fitted.partial_fit(more[: most - 60], labels[: most - 60])
    fitted.partial_fit(more[most - 60 :], labels[most - 60 :], relearn=False)
    assert fitted.n_samples_fit_ == 1060
    with pytest.raises(ValueError, match=r"1,050 images .* or relearn=False"):
        fitted.remove(range(10))
    fitted.remove(range(10), relearn=False)
    monkeypatch.setattr(module, "available_bytes", lambda: 2**20)
    with pytest.raises(ValueError, match=r"give (a larger max_memory|more memory)"):
        fitted.set_params(**dict.fromkeys(limit, 1)).partial_fit(more, labels, relearn=False)


def test_predictions_take_no_more_memory_for_more_images(fitted, monkeypatch):
    monkeypatch.setattr(estimator, "CHUNK", 200)
    images = textures(1600, (16, 16), seed=1).astype(np.float32)
    fitted.predict(images[:200])

    def peak(n):
        with TracedMemory() as memory:
            fitted.predict(images[:n])
        return memory.peak

    few = peak(200)
    # whether values are finite takes two bytes a value, an answer eight a picture
    assert peak(1600) < few + 1400 * (2 * 16 * 16 + 16)
    expected = fitted.predict_proba(images)
    monkeypatch.setattr(estimator, "_PART_VALUES", 50 * 16 * 16)
    assert peak(1600) < few
    np.testing.assert_array_equal(fitted.predict_proba(images), expected)


MEASURE = """
import sys
import numpy as np
from pathlib import Path
from lookalike import LookalikeClassifier

def memory(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(name))

effort, n, shape = sys.argv[1], int(sys.argv[2]), tuple(map(int, sys.argv[3].split(",")))
rng = np.random.default_rng(0)
classifier = LookalikeClassifier(effort, n_jobs=2)
classifier.fit(rng.integers(0, 256, (20, 8, 8)).astype(np.uint8), np.arange(20) % 2)
labels = np.arange(n) % 6
images = rng.integers(0, 120, (n, *shape)).astype(np.uint8)
images += (20 * labels).astype(np.uint8).reshape(-1, *[1] * len(shape))
Path("/proc/self/clear_refs").write_text("5")
before = memory("VmRSS")
classifier.fit(images, labels)
print((memory("VmHWM") - before) / classifier.estimate(n, shape, n_classes=6))
"""


@pytest.mark.slow("starts a process that learns, for each effort and size")
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="asks Linux for the peak")
@pytest.mark.parametrize(
    ("effort", "n", "shape"),
    [
        ("fast", 1500, "28,28"),
        ("fast", 700, "48,48,3"),
        ("fast", 300, "160,160,3"),
        ("balanced", 400, "64,64,3"),
    ],
)
def test_estimates_are_near_the_peak(effort, n, shape):
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, effort, str(n), shape],
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert 0.55 <= float(done.stdout) <= 1.15
