"""Whatever is wrong with a file, it gives one clear error: no crash, no blow-up, no wrong model."""

import itertools
import json
import os
import pickle
import random
import subprocess

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save
from tests.models.hostile import PROBE, mutated, parts_of, write_header, write_parts
from tests.processes import python
from tests.traced_memory import TracedMemory

from lookalike import KNeighborsClassifier, LookalikeClassifier, Shifts, load_dataset
from lookalike.models.file import load_model, save_model
from lookalike.models.model import open_model
from lookalike.models.safetensors_map import ModelError

DIGITS = load_dataset("digits")
X, Y = DIGITS.train.images[:30], DIGITS.train.labels[:30]
QUERIES = DIGITS.test.images[:5]


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "good.lookalike"
    save_model(KNeighborsClassifier(1).fit(X, np.array(DIGITS.class_names)[Y]), path)
    return path


@pytest.fixture(scope="module")
def bad(tmp_path_factory):
    return tmp_path_factory.mktemp("models") / "bad.lookalike"


def refused(path):
    """The one line that tells what is wrong with a file."""
    with pytest.raises(ModelError) as error:
        load_model(path)
    message = str(error.value)
    assert message.startswith(f"{path}")
    assert "\n" not in message
    assert len(message) < 1000
    return message


# --- damage ----------------------------------------------------------------------------------


def test_a_file_that_was_cut_short(good, bad):
    data = good.read_bytes()
    header = 8 + int.from_bytes(data[:8], "little")
    lengths = {*range(12), 100, header - 1, header, header + 1, header + 512, len(data) - 1}
    for length in sorted({*lengths, *range(0, len(data), 997)}):
        bad.write_bytes(data[:length])
        refused(bad)
    bad.write_bytes(data + b"\0")
    assert "its arrays take" in refused(bad)


@given(st.data())
def test_any_flipped_bit(good, bad, data):
    content = bytearray(good.read_bytes())
    header = 8 + int.from_bytes(content[:8], "little")
    # As often in the header as in the much longer arrays.
    ranges = st.integers(0, header - 1) | st.integers(header, len(content) - 1)
    for place in data.draw(st.lists(ranges, min_size=1, max_size=3, unique=True)):
        content[place] ^= 1 << data.draw(st.integers(0, 7))
    bad.write_bytes(content)
    refused(bad)


@given(st.binary(max_size=200))
def test_any_bytes(bad, content):
    bad.write_bytes(content)
    refused(bad)


def test_zeros_and_other_files(bad):
    for content in (bytes(4096), b"\x89PNG\r\n\x1a\n" + bytes(4000), pickle.dumps({}), b"{}"):
        bad.write_bytes(content)
        assert "is not a model file" in refused(bad)


def test_what_is_no_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_model(tmp_path / "none.lookalike")
    with pytest.raises(IsADirectoryError if os.name == "posix" else OSError):
        load_model(tmp_path)


# --- other files and versions ----------------------------------------------------------------


def test_safetensors_files_of_others(bad):
    for metadata in (None, {"format": "pt"}, {"format": "lookalike"}):
        bad.write_bytes(save({"weights": np.zeros((3, 4), np.float32)}, metadata))
        assert "is a safetensors file but not a model of lookalike" in refused(bad)


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("0.9", "train it again"),
        ("1.0", "differs from that of its description"),
        ("1.3", "install a newer lookalike"),
        ("2.0", "install a newer lookalike"),
        ("1.999999999", "install a newer lookalike"),
        *(
            (wrong, "is not a valid version")
            for wrong in ("x", "", "1", "1.0.0", "1.x", "9" * 5000 + ".0", "1." + "9" * 10)
        ),
        *((wrong, "valid version") for wrong in ("-1.0", "1.-1", " 1.0", "1.0\n", "1_0.0", "¹.0")),
    ],
)
def test_version(good, bad, version, said):
    header, description, body = parts_of(good)
    header["__metadata__"]["version"] = version
    write_parts(bad, header, description, body)
    assert said in refused(bad)


# --- hostile headers -------------------------------------------------------------------------


def entry(start=0, end=8, dtype="U8", shape=(8,)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}


HEADERS = {
    "no object": "[]",
    "a number": "12",
    "deep": "[" * 100_000 + "]" * 100_000,
    "deep objects": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "NaN": '{"a": NaN}',
    "key twice": f'{{"a": {json.dumps(entry())}, "a": {json.dumps(entry())}}}',
    "long number": f'{{"a": {"1" * 10_000}}}',
    "huge shape": json.dumps({"a": entry(shape=[2**40, 2**40])}),
    "huge shape of nothing": json.dumps({"a": entry(0, 0, shape=[0, 2**62, 2**62])}),
    "endless shape": json.dumps({"a": entry(0, 8, shape=[1] * 100_000)}),
    "endless huge shape": json.dumps({"a": entry(0, 8, shape=[2**62] * 100_000)}),
    "huge offsets": json.dumps({"a": entry(0, 2**62, shape=[2**62])}),
    "negative shape": json.dumps({"a": entry(shape=[-2, -4])}),
    "negative offsets": json.dumps({"a": entry(-8, 0)}),
    "backwards": json.dumps({"a": entry(8, 0, shape=[0])}),
    "fraction": json.dumps({"a": entry(shape=[8.0])}),
    "bool": json.dumps({"a": entry(False, True, shape=[True])}),
    "text": json.dumps({"a": entry("0", "8")}),
    "null": json.dumps({"a": None}),
    "list": json.dumps({"a": [1, 2, 3]}),
    "no shape": json.dumps({"a": {"dtype": "U8", "data_offsets": [0, 8]}}),
    "no dtype": json.dumps({"a": {"shape": [8], "data_offsets": [0, 8]}}),
    "one offset": json.dumps({"a": {"dtype": "U8", "shape": [8], "data_offsets": [0]}}),
    "unknown dtype": json.dumps({"a": entry(dtype="O")}),
    "dtype list": json.dumps({"a": entry(dtype=["U8"])}),
    "wrong size": json.dumps({"a": entry(dtype="F64", shape=[8])}),
    "gap": json.dumps({"a": entry(0, 3, shape=[3]), "b": entry(4, 8, shape=[4])}),
    "overlap": json.dumps({"a": entry(0, 5, shape=[5]), "b": entry(4, 8, shape=[4])}),
    "twice": json.dumps({"a": entry(), "b": entry()}),
    "not all": json.dumps({"a": entry(0, 7, shape=[7])}),
    "too much": json.dumps({"a": entry(0, 9, shape=[9])}),
    "askew": json.dumps({"a": entry(0, 2, shape=[2]), "b": entry(2, 6, "F32", [1])}),
    "metadata list": json.dumps({"__metadata__": ["format"], "a": entry()}),
    "metadata numbers": json.dumps({"__metadata__": {"format": 1}, "a": entry()}),
    "metadata nested": json.dumps({"__metadata__": {"format": {"a": "b"}}, "a": entry()}),
}


@pytest.mark.parametrize("name", HEADERS)
def test_hostile_header(bad, name):
    write_header(bad, HEADERS[name], bytes(6 if name == "askew" else 8))
    with TracedMemory() as memory:
        refused(bad)
    assert memory.peak < 20 * len(HEADERS[name]) + 2**20


@pytest.mark.parametrize("length", [0, 1, 2**20, 2**32, 2**63 - 1, 2**64 - 1])
def test_hostile_header_length(bad, length):
    bad.write_bytes(length.to_bytes(8, "little") + b"{}" * 50)
    with TracedMemory() as memory:
        assert "its header would take" in refused(bad)
    assert memory.peak < 2**20


def test_header_that_is_no_text(bad):
    for text in (b'{"\xff": 1}', b"\xff\xfe{\0}\0", b'{"\xed\xa0\x80": 1}'):
        text += b" " * (-len(text) % 8)
        bad.write_bytes(len(text).to_bytes(8, "little") + text)
        assert "its header is not JSON" in refused(bad)


# --- hostile descriptions --------------------------------------------------------------------


def described(good, bad, change):
    """Write the good model with another description, and checksums that fit it."""
    header, description, body = parts_of(good)
    changed = change(description)
    description = description if changed is None else changed
    write_parts(bad, header, description, body)


def nodes(state, tag):
    """All parts of a description of one kind."""
    if isinstance(state, dict):
        if tag in state:
            yield state
        yield from itertools.chain.from_iterable(nodes(one, tag) for one in state.values())
    elif isinstance(state, list):
        yield from itertools.chain.from_iterable(nodes(one, tag) for one in state)


def test_resigned_file_is_the_model_it_was(good, bad):
    described(good, bad, lambda description: None)
    np.testing.assert_array_equal(load_model(bad).predict(X), load_model(good).predict(X))


@pytest.mark.parametrize("text", ["", "[]", "null", "1", "NaN", '{"a":' * 9999, '{"a":1,"a":2}'])
def test_description_that_is_none(good, bad, text):
    described(good, bad, lambda description: text)
    assert "its description" in refused(bad)


@pytest.mark.parametrize(
    "key", ["library", "class_names", "source", "form", "estimator", "checksums"]
)
def test_description_that_lacks_something(good, bad, key):
    described(good, bad, lambda description: description.pop(key) and None)
    refused(bad)


@pytest.mark.parametrize("key", ["library", "class_names", "source", "form", "checksums"])
@pytest.mark.parametrize("value", [0, True, [None], [1], {"a": 1}, 0.5])
def test_description_of_other_types(good, bad, key, value):
    described(good, bad, lambda description: {**description, key: value})
    refused(bad)


@pytest.mark.parametrize(
    "name",
    ["os.system", "builtins.eval", "search", "", "search.nearest.NearestNeighbors", "$", "a\nb"],
)
def test_classes_that_are_not_known(good, bad, name):
    def change(description):
        next(nodes(description["estimator"], "$object"))["$object"] = name

    described(good, bad, change)
    refused(bad)


STATES = {
    "no estimator": {"$object": "images.Shifts", "state": {"reach": 1, "diagonal": False}},
    "a number": 3,
    "nothing": None,
    "empty": {"$object": "estimators.KNeighborsClassifier", "state": {}},
    "no state": {"$object": "estimators.KNeighborsClassifier"},
    "state is a list": {"$object": "estimators.KNeighborsClassifier", "state": [1]},
    "class": {"$class": "estimators.KNeighborsClassifier"},
    "no fields": {"$named": "matching.Recipe", "values": [1]},
    "unknown tag": {"$import": "os"},
    "two tags": {"$object": "images.Shifts", "$array": "a0"},
    "read": {"$read": 1},
    "unhashable": {"$dict": [[[], 1]]},
    "no array": {"$array": "a99", "dtype": "<f8", "shape": [1]},
    "objects": {"$objects": [1, 2], "shape": [3]},
    "huge range": {"$range": [0, 1, 0]},
    "float": {"$float": "x" * 10**6},
}


@pytest.mark.parametrize("name", STATES)
def test_states_of_no_estimator(good, bad, name):
    described(good, bad, lambda description: {**description, "estimator": STATES[name]})
    refused(bad)


def test_deep_state(good, bad):
    header, description, body = parts_of(good)
    text = json.dumps({**description, "estimator": "HERE"})
    deep = '{"$tuple":[' * 400 + "]}" * 400
    write_parts(bad, header, text.replace('"HERE"', deep), body)
    refused(bad)


@pytest.mark.parametrize(
    ("dtype", "shape"),
    [
        ("<f8", [-1]),
        ("<f8", [2**62, 4]),
        ("O", [1]),
        ("<f16", [1]),
        ("<c16", [1]),
        ("V8", [1]),
        ("i4,i4", [1]),
        ("U0", [2**40]),
        ("<U0", [0, 2**40]),
        ("S0", [2**40]),
        (">f8", [1]),
        ("nonsense", [1]),
        ([["a", "O"]], [1]),
        (None, None),
        ("<f8", "12"),
        ("<f8", 3),
    ],
)
def test_arrays_described_as_what_they_are_not(good, bad, dtype, shape):
    def change(description):
        for node in nodes(description["estimator"], "$array"):
            node.update(dtype=dtype, shape=shape)

    described(good, bad, change)
    with TracedMemory() as memory:
        refused(bad)
    assert memory.peak < 2**24


def test_text_that_is_none(good, bad):
    header, description, body = parts_of(good)
    text = next(n for n in nodes(description["estimator"], "$array") if "U" in n["dtype"])
    start = header[text["$array"]]["data_offsets"][0]
    for code in (0xD800, 0x110000, 2**32 - 1):
        changed = body[:start] + code.to_bytes(4, "little") + body[start + 4 :]
        write_parts(bad, header, description, changed)
        assert "holds invalid text" in refused(bad)


def test_truth_that_is_neither(bad, tmp_path):
    save_model(KNeighborsClassifier(1).fit(X, Y > 4), tmp_path / "bool")
    header, description, body = parts_of(tmp_path / "bool")
    name = next(n for n in nodes(description["estimator"], "$array") if n["dtype"] == "|b1")
    start = header[name["$array"]]["data_offsets"][0]
    write_parts(bad, header, description, body[:start] + b"\x02" + body[start + 1 :])
    assert "other than true and false" in refused(bad)


def test_form_that_is_none(good, bad):
    described(good, bad, lambda description: {**description, "form": {"kind": "ink\nmore"}})
    refused(bad)


def test_models_of_no_images(tmp_path):
    path = tmp_path / "rows.lookalike"
    save_model(KNeighborsClassifier(1).fit(X.reshape(30, -1), Y), path)
    with pytest.raises(ModelError, match=r"rows\.lookalike: .*fit it to images"):
        open_model(path)


CALLS = {
    "votes": [("predict", QUERIES), ("predict_proba", QUERIES), ("explain", QUERIES)],
    "pairs": [("predict", QUERIES), ("predict_proba", QUERIES)],
    "matches": [
        *(("predict_proba", QUERIES), ("explain", QUERIES)),
        *(("partial_fit", QUERIES, Y[:5]), ("remove", [0]), ("predict", QUERIES)),
    ],
}
ESTIMATORS = {
    "votes": lambda: KNeighborsClassifier(3).fit(X, np.array(DIGITS.class_names)[Y]),
    "pairs": lambda: KNeighborsClassifier(3, augmentation=Shifts(1)).fit(
        X, np.stack([Y, Y % 3], axis=1)
    ),
    "matches": lambda: LookalikeClassifier("fast").fit(X, Y),
}


@pytest.mark.skipif(os.name != "posix", reason="memory is limited by the system there only")
@pytest.mark.parametrize("n", [12, pytest.param(200, marks=pytest.mark.slow("opens 600 files"))])
def test_a_description_made_by_hand_crashes_nothing(tmp_path, n):
    rng = random.Random(n)
    changes, jobs = {}, []
    for kind, fit in ESTIMATORS.items():
        save_model(fit(), tmp_path / "good")
        good = parts_of(tmp_path / "good")
        for i in range(n):
            path = tmp_path / f"{kind}{i}"
            *changed, changes[str(path)] = mutated(*good, rng)
            write_parts(path, *changed)
            jobs.append((str(path), CALLS[kind]))
    job = tmp_path / "job"
    job.write_bytes(pickle.dumps(jobs))
    done = subprocess.run([*python(), "-c", PROBE, job], capture_output=True, text=True)
    last = done.stdout.splitlines()[-1].split()[0]
    assert done.returncode == 0, f"{changes[last]}: {done.returncode}\n{done.stderr}"
    assert done.stdout.count("\n") == len(jobs)
    assert done.stdout.count("refused") > len(jobs) / 10
