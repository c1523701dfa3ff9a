"""Bad input: scikit-learn's exception types, with the value, the limit and the cure."""

import re
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist

from lookalike import NearestNeighbors
from lookalike.search import nearest, validation
from lookalike.search.machine import count_threads


@pytest.fixture
def search() -> NearestNeighbors:
    return NearestNeighbors(n_neighbors=2).fit(np.arange(60, dtype=np.uint8).reshape(5, 3, 4))


BAD_DATA = [
    ([[0.0], [np.nan]], ValueError, "contains NaN"),
    ([[0.0], [np.inf]], ValueError, "contains infinity"),
    (np.float32([[1], [-np.inf]]), ValueError, "contains infinity"),
    (np.float16([[1], [np.nan]]), ValueError, "NaN"),
    (np.zeros((0, 4)), ValueError, "0 sample"),
    (np.zeros((4, 0)), ValueError, "0 feature"),
    (np.zeros((0, 4, 4)), ValueError, "0 sample"),
    (np.zeros((4, 0, 4)), ValueError, "0 feature"),
    ([], ValueError, "1D array"),
    (3, ValueError, "scalar array"),
    ([1, 2], ValueError, "Reshape your data"),
    (np.zeros((2, 2, 2, 2, 2)), ValueError, "dim 5"),
    ([[1, 2], [3]], ValueError, "ragged.*pad, crop or resize"),
    ([[[1, 2]], [[3]]], ValueError, "ragged"),
    ([["a", "b"]], ValueError, "strings"),
    (np.array([["a", 1]], dtype=object), ValueError, "could not convert"),
    ([[1j]], ValueError, "Complex data not supported"),
    (np.zeros((2, 2), "M8[s]"), ValueError, "datetime64.*only numbers"),
    ([[2**53 + 1]], ValueError, r"9007199254740993.*2\*\*53.*scale"),
    ([[-(2**53) - 1]], ValueError, r"-9007199254740993"),
    (np.uint64([[2**64 - 1]]), ValueError, "18446744073709551615"),
    ([[1e200, 0], [0, 0]], ValueError, r"1e\+200.*overflows float64.*scale"),
    ([[-1e200, 0], [0, 0]], ValueError, "overflows"),
]


@pytest.mark.parametrize(("X", "error", "message"), BAD_DATA)
def test_bad_rows(X: Any, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        NearestNeighbors().fit(X)


@pytest.mark.parametrize(
    ("X", "error", "message"), [bad for bad in BAD_DATA if "ragged" not in bad[2]]
)
def test_bad_queries(X: Any, error: type, message: str) -> None:
    width = max(1, int(np.prod(np.shape(X)[1:])))
    search = NearestNeighbors(n_neighbors=1).fit(np.ones((1, width)))
    with pytest.raises(error, match=message):
        search.kneighbors(X)


def test_ragged_and_nan_are_found_in_queries_and_added_rows(search: NearestNeighbors) -> None:
    for call in (search.kneighbors, search.partial_fit):
        with pytest.raises(ValueError, match="contains NaN"):
            call(np.full((2, 12), np.nan))
        with pytest.raises(ValueError, match="ragged"):
            call([[1, 2], [3]])


def test_rows_too_short_for_cosine() -> None:
    rows = np.array([[1.0, 2.0], [0.0, 0.0], [-2e-170, 1e-170], [1e-170, 2e-170]])
    message = r"row 2 of X .* 2e-170, but below 1e-146 squares underflow .* scale such rows up"
    with pytest.raises(ValueError, match=message):
        NearestNeighbors(metric="cosine").fit(rows)
    search = NearestNeighbors(n_neighbors=3, metric="cosine").fit(rows[:2])
    with pytest.raises(ValueError, match=message.replace("row 2", "row 0")):
        search.kneighbors(rows[2:])
    found = search.partial_fit(rows[2:] * 1e24).kneighbors(rows[3:] * 1e24)
    np.testing.assert_array_equal(found[1], [[0, 3, 1]])
    np.testing.assert_allclose(found[0], [[0, 0, 1]], atol=1e-15)
    assert NearestNeighbors(metric="manhattan").fit(rows).n_samples_fit_ == 4


@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean"])
@pytest.mark.parametrize("exponent", [-310, -300, -200, -160, -140])
def test_rows_too_small_for_squares_and_the_cure(metric: str, exponent: int) -> None:
    rows = np.random.default_rng(0).integers(1, 99, (30, 5)) * 10.0**exponent
    search = NearestNeighbors(n_neighbors=3, metric=metric)
    with pytest.raises(
        ValueError, match=r"row 0 of X .* scale all data up, as by X \* 2\.0\*\*900"
    ):
        search.fit(rows)
    X = rows * 2.0**900
    distances, _ = search.fit(X).kneighbors()
    expected = cdist(X, X, metric)
    np.fill_diagonal(expected, np.inf)
    np.testing.assert_allclose(distances, np.sort(expected, axis=1)[:, :3], rtol=1e-12)
    with pytest.raises(ValueError, match=r"row 0 of X .* or set such rows to zero"):
        search.kneighbors(rows)
    manhattan = NearestNeighbors(n_neighbors=3, metric="manhattan").fit(rows).kneighbors()[0]
    expected = np.sort(cdist(rows, rows, "cityblock"), axis=1)[:, 1:4]
    np.testing.assert_allclose(manhattan, expected, rtol=1e-12)


@pytest.mark.parametrize("magnitude", [1e-129, 1e-100, 1e100, 1e152])
def test_rows_near_the_limits_are_right(magnitude: float) -> None:
    X = (1 + np.random.default_rng(0).random((30, 5)) * 1e-6) * magnitude
    distances, _ = NearestNeighbors(n_neighbors=3).fit(X).kneighbors()
    expected = np.sort(cdist(X / magnitude, X / magnitude), axis=1)[:, 1:4] * magnitude
    np.testing.assert_allclose(distances, expected, rtol=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        NearestNeighbors().fit(np.full((9, 99), np.finfo(np.float32).max))


def test_images_as_objects() -> None:
    images = np.random.default_rng(0).integers(0, 256, (20, 4, 5), np.uint8)
    column = np.empty(20, object)
    column[:] = list(images)
    expected = NearestNeighbors().fit(images).kneighbors(images[:3])
    for X in (column, column[:, None], pd.Series(list(images)), pd.DataFrame({"i": list(images)})):
        search = NearestNeighbors().fit(X)
        assert search.image_shape_ == (4, 5)
        for found, wanted in zip(search.kneighbors(X[:3]), expected, strict=True):
            np.testing.assert_array_equal(found, wanted)
    column[7] = np.zeros((4, 4))
    with pytest.raises(ValueError, match=r"several shapes, \(4, 5\) and, in row 7, \(4, 4\)"):
        NearestNeighbors().fit(column)


@pytest.mark.skipif(
    np.finfo(np.longdouble).max == np.finfo(np.float64).max, reason="longdouble is float64 here"
)
def test_longdouble_that_is_no_float64() -> None:
    assert NearestNeighbors().fit(np.longdouble([[0.5]]))._searcher.rows.dtype == np.float64
    with pytest.raises(ValueError, match=r"not exact in float64.*astype"):
        NearestNeighbors().fit(np.longdouble([[1]]) / 3)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((2, 11), "X has 11 features, but NearestNeighbors is expecting 12 features"),
        ((2, 4, 3), r"images of shape (4, 3), but NearestNeighbors was fitted on images of shape"),
        ((2, 3, 4, 1), r"images of shape (3, 4, 1), but"),
        ((3, 4), "if X is one image, pass a batch of one image: X[None]"),
    ],
)
def test_another_width(search: NearestNeighbors, shape: tuple[int, ...], message: str) -> None:
    for call in (search.kneighbors, search.partial_fit, search.radius_neighbors):
        with pytest.raises(ValueError, match=re.escape(message)):
            call(np.zeros(shape, np.uint8))


def test_one_coloured_image_is_not_a_batch() -> None:
    search = NearestNeighbors().fit(np.zeros((6, 3, 4, 2)))
    with pytest.raises(ValueError, match=r"X\[None\]"):
        search.kneighbors(np.zeros((3, 4, 2)))


def test_images_for_a_search_of_rows_need_the_same_number_of_values() -> None:
    search = NearestNeighbors(n_neighbors=1).fit(np.eye(12))
    assert search.kneighbors(np.eye(12).reshape(12, 3, 4))[1].ravel().tolist() == list(range(12))
    with pytest.raises(ValueError, match="X has 16 features"):
        search.kneighbors(np.zeros((2, 4, 4)))


@pytest.mark.parametrize(
    ("n_neighbors", "error", "message"),
    [
        (0, ValueError, "Expected n_neighbors > 0. Got 0"),
        (-1, ValueError, "Expected n_neighbors > 0. Got -1"),
        (2.0, TypeError, "enter integer value; got 2.0"),
        ("2", TypeError, "enter integer value"),
        (True, TypeError, "enter integer value"),
        (
            6,
            ValueError,
            "Expected n_neighbors <= n_samples_fit, but n_neighbors = 6, n_samples_fit = 5, "
            "n_samples = 1; lower n_neighbors or add rows",
        ),
    ],
)
def test_n_neighbors(search: NearestNeighbors, n_neighbors: Any, error: type, message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        search.kneighbors(np.zeros((1, 12)), n_neighbors)


def test_n_neighbors_in_leave_one_out(search: NearestNeighbors) -> None:
    assert search.kneighbors(None, 4)[1].shape == (5, 4)
    message = "Expected n_neighbors < n_samples_fit, but n_neighbors = 5, n_samples_fit = 5"
    with pytest.raises(ValueError, match=message):
        search.kneighbors(None, 5)


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"n_neighbors": 0}, ValueError, "n_neighbors > 0. Got 0"),
        ({"n_neighbors": 2.5}, TypeError, "n_neighbors .* 2.5"),
        ({"radius": -1}, ValueError, "radius=-1 .* >= 0"),
        ({"radius": "1"}, TypeError, "radius='1'"),
        ({"algorithm": "kdtree"}, ValueError, "algorithm='kdtree' is not one of .*kd_tree"),
        ({"leaf_size": 0}, ValueError, "leaf_size > 0. Got 0"),
        ({"p": 0}, ValueError, "p=0 .* > 0"),
        ({"p": np.nan}, ValueError, "p=nan"),
        ({"n_jobs": 0}, ValueError, "n_jobs=0 .* -1 for all CPUs"),
        ({"n_jobs": 1.5}, TypeError, "n_jobs=1.5"),
        ({"working_memory": 0}, ValueError, "working_memory=0"),
        ({"working_memory": None}, TypeError, "working_memory=None"),
        ({"working_memory": "1"}, TypeError, "working_memory='1' is not a number"),
        ({"working_memory": np.nan}, ValueError, "working_memory=nan"),
        ({"working_memory": np.inf}, ValueError, "working_memory=inf .* <= 1099511627776"),
        (
            {"working_memory": 1e15},
            ValueError,
            r"working_memory=1000000000000000.0 .* MiB > 0 and <=",
        ),
    ],
)
def test_parameters(params: dict[str, Any], error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        NearestNeighbors(**params).fit([[0], [1]])


@pytest.mark.parametrize("working_memory", [np.inf, 1e15, 0, np.nan])
@pytest.mark.filterwarnings("ignore::lookalike.search.sklearn_fallback.SklearnFallbackWarning")
def test_working_memory_set_after_fit(search: NearestNeighbors, working_memory: float) -> None:
    handed_over = NearestNeighbors(n_neighbors=1, metric="chebyshev").fit(np.eye(12))
    for fitted in (search, handed_over):
        with pytest.raises(ValueError, match=r"working_memory=.* give a number of MiB > 0 and <="):
            fitted.set_params(working_memory=working_memory).kneighbors(np.eye(12))
        for allowed in (2**40, 1e-9):
            found = fitted.set_params(working_memory=allowed).kneighbors(np.eye(12))
            assert found[1].shape[0] == 12


@pytest.mark.parametrize(
    ("omp_num_threads", "n_jobs", "expected"),
    [
        (None, None, 8),
        ("3", None, 3),
        (" 3 , 2", None, 3),
        ("16", None, 8),
        ("0", None, 8),
        ("many", None, 8),
        ("3", -1, 8),
        ("3", -2, 7),
        ("3", 5, 5),
    ],
)
def test_threads(
    monkeypatch: pytest.MonkeyPatch, omp_num_threads: str | None, n_jobs: int | None, expected: int
) -> None:
    monkeypatch.setattr("joblib.parallel.cpu_count", lambda *args, **kwargs: 8)
    monkeypatch.setattr("joblib._parallel_backends.cpu_count", lambda *args, **kwargs: 8)
    if omp_num_threads is None:
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    else:
        monkeypatch.setenv("OMP_NUM_THREADS", omp_num_threads)
    assert count_threads(n_jobs) == expected


class DeviceTensor:
    """A tensor whose memory the CPU can not see."""

    shape, ndim = (2, 2), 2

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise TypeError("can't convert cuda:0 device type tensor to numpy")


def test_a_tensor_on_a_device() -> None:
    with pytest.raises(TypeError, match=r"DeviceTensor .*cuda:0.*X\.detach\(\)\.cpu\(\)"):
        NearestNeighbors().fit(DeviceTensor())


class HalfTensor:
    """A tensor of a dtype that NumPy lacks."""

    shape, ndim, dtype = (2, 2), 2, "torch.bfloat16"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise TypeError("Got unsupported ScalarType BFloat16")


def test_a_tensor_of_a_dtype_that_numpy_lacks() -> None:
    with pytest.raises(TypeError, match=r"HalfTensor .*NumPy has no bfloat16: pass X\.float\(\)"):
        NearestNeighbors().fit(HalfTensor())


def test_tensors_of_torch() -> None:
    torch = pytest.importorskip("torch")
    rows = torch.arange(12, dtype=torch.float32).reshape(6, 2)
    search = NearestNeighbors(n_neighbors=1).fit(rows)
    assert search.kneighbors(rows)[1].ravel().tolist() == list(range(6))
    assert search.kneighbors(rows.bfloat16().float())[1].ravel().tolist() == list(range(6))
    for tensor, cure in (
        (rows.bfloat16(), r"NumPy has no bfloat16: pass X\.float\(\)"),
        (rows.clone().requires_grad_(), r"X\.detach\(\)\.cpu\(\)"),
        (rows.to("meta"), r"X\.detach\(\)\.cpu\(\)"),
        (rows.to_sparse(), "must be dense"),
    ):
        with pytest.raises(TypeError, match=cure):
            search.kneighbors(tensor)


@pytest.mark.parametrize("X", [["a.png", "b.png"], pd.Series([b"x", b"y"]), pd.Series([{}, {}])])
def test_what_names_pictures_is_none(X: Any) -> None:
    with pytest.raises(ValueError, match=r"instead of pixels; read each picture as .*np\.stack"):
        NearestNeighbors().fit(X)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32", "float64"])
def test_arrays_that_need_no_conversion_pass_without_scikit_learns_validation(
    dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = np.arange(60).reshape(5, 12).astype(dtype)
    expected = NearestNeighbors(n_neighbors=2).fit(rows.tolist()).kneighbors(rows.tolist())

    def validate(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("not needed")

    monkeypatch.setattr(validation, "validate_data", validate)
    for shape in ((12,), (3, 4), (2, 2, 3)):
        X = rows.reshape(5, *shape)
        search = NearestNeighbors(n_neighbors=2).fit(X)
        assert search.n_features_in_ == 12
        assert search.image_shape_ == (None if len(shape) == 1 else shape)
        for found, wanted in zip(search.kneighbors(X), expected, strict=True):
            np.testing.assert_array_equal(found, wanted)
    for X in (rows[:, ::-1], rows.astype(">i4"), rows[:0], rows.astype(np.float16) + np.nan):
        with pytest.raises(AssertionError, match="not needed"):
            search.kneighbors(X)


def test_a_sum_that_overflows_is_no_fault() -> None:
    rows = np.full((2, 3), 3e38, np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert NearestNeighbors(n_neighbors=1).fit(rows).kneighbors(rows)[0].tolist() == [[0], [0]]


def test_names_of_columns_are_forgotten_by_a_fit_to_an_array() -> None:
    rows = np.arange(12.0).reshape(4, 3)
    search = NearestNeighbors(n_neighbors=1).fit(pd.DataFrame(rows, columns=list("abc")))
    with pytest.warns(UserWarning, match="feature names"):
        search.kneighbors(rows)
    assert not hasattr(search.fit(rows), "feature_names_in_")


def test_short_work_takes_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    assert count_threads(7, is_short=True) == 1
    with pytest.raises(ValueError, match="asks for no threads"):
        count_threads(0, is_short=True)
    asked: list[bool] = []

    def count(n_jobs: int | None, *, is_short: bool = False) -> int:
        asked.append(is_short)
        return 1

    rows = np.random.default_rng(0).integers(0, 255, (2000, 100), np.uint8)
    monkeypatch.setattr(nearest, "count_threads", count)
    search = NearestNeighbors().fit(rows)
    for n_queries in (1, 10, 2000):
        search.kneighbors(rows[:n_queries])
    assert asked == [True, True, True, False]
