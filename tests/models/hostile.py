"""Model files that were changed by hand: what somebody hostile would give us."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xxhash import xxh3_128_hexdigest


def parts_of(path: Path) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    """The header of a file, the description in it, and the bytes of its arrays."""
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    return header, json.loads(header["__metadata__"]["description"]), data[start:]


def write_parts(path: Path, header: dict[str, Any], description: Any, body: bytes) -> None:
    """Write a file whose checksums are right, whatever is in it."""
    header = copy.deepcopy(header)
    if isinstance(description, dict) and isinstance(description.get("checksums"), dict):
        for name, entry in header.items():
            if name != "__metadata__" and name in description["checksums"]:
                start, end = entry["data_offsets"]
                description["checksums"][name] = xxh3_128_hexdigest(body[start:end])
    text = description if isinstance(description, str) else json.dumps(description)
    header["__metadata__"]["description"] = text
    header["__metadata__"]["checksum"] = xxh3_128_hexdigest(text.encode())
    write_header(path, json.dumps(header), body)


def write_header(path: Path, header: str, body: bytes) -> None:
    """Write a file with any text for a header."""
    encoded = header.encode()
    encoded += b" " * (-len(encoded) % 8)
    path.write_bytes(len(encoded).to_bytes(8, "little") + encoded + body)


ODD = (
    *(None, True, False, 0, 1, -1, 2, 7, 2**31, 2**63, -(2**63), 10**400, 0.5, -1e308),
    *("", "euclidean", "best", "off", "x" * 99, [], {}, [[]], [0, 0], [2**40, 2**40]),
    *({"$float": "nan"}, {"$float": "inf"}, {"$tuple": []}, {"$tuple": [0, 0]}, {"$unknown": 1}),
    *({"$object": "images.Shifts", "state": {}}, {"$object": "os.system", "state": {}}),
    *({"$object": "matching.Matcher", "state": {}}, {"$class": "images.Shifts"}),
    {"$object": "sklearn.KFold", "state": {"n_splits": 3}},
    {"$objects": [1, None, "a"], "shape": [3]},
    {"$range": [0, 10**12]},
)


def places(state: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in a description."""
    items = state.items() if isinstance(state, dict) else enumerate(state)
    for key, value in items:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))


def mutated(
    header: dict[str, Any], description: dict[str, Any], body: bytes, rng: random.Random
) -> tuple[dict[str, Any], dict[str, Any], bytes, str]:
    """A model with something else in one or two places; and what that is."""
    header, description = copy.deepcopy(header), copy.deepcopy(description)
    changes = []
    for _ in range(rng.choice([1, 1, 1, 2])):
        kind = rng.choice(["odd", "odd", "drop", "exchange", "array", "shape", "bytes", "extra"])
        where = list(places(description["estimator"], ("estimator",)))
        *inside, key = rng.choice(where)
        holder = description
        for step in inside:
            holder = holder[step]
        arrays = [name for name in header if name != "__metadata__"]
        if kind == "odd":
            holder[key] = copy.deepcopy(rng.choice(ODD))
        elif kind == "drop":
            del holder[key]
        elif kind == "extra" and isinstance(holder, dict):
            holder[rng.choice(["$array", "$object", "extra", "__class__", "fit"])] = rng.choice(ODD)
        elif kind == "exchange":
            *others, other_key = rng.choice(where)
            other: Any = description
            try:
                for step in others:
                    other = other[step]
                taken = copy.deepcopy(other[other_key])
            except (KeyError, IndexError, TypeError):  # the first change took it away
                continue
            holder[key] = taken
        elif kind in ("array", "shape"):
            own = [[*way, last] for *way, last in where if last == "$array" and len(way) > 1]
            if not own:
                continue
            *way, _ = rng.choice(own)
            entry: Any = description
            try:
                for step in way:
                    entry = entry[step]
                if kind == "array":
                    entry["$array"] = rng.choice(arrays)
                else:
                    entry["shape"] = other_shape(entry["shape"], rng)
            except (KeyError, IndexError, TypeError):
                continue
        elif kind == "bytes":
            if not arrays:
                continue
            name = rng.choice(arrays)
            start, end = header[name]["data_offsets"]
            if end > start:
                changed = bytearray(body)
                fill = rng.choice([b"\x00", b"\xff", b"\x7f", b"\x80", rng.randbytes(1)])
                if rng.random() < 0.5:
                    changed[start:end] = fill * (end - start)
                else:
                    for _ in range(8):
                        changed[rng.randrange(start, end)] = fill[0]
                body = bytes(changed)
            key = name
        changes.append(f"{kind} {'.'.join(map(str, inside))}.{key}")
    return header, description, body, "; ".join(changes)


def other_shape(shape: list[int], rng: random.Random) -> list[int]:
    """Another shape, mostly of as many values."""
    total = 1
    for side in shape:
        total *= side
    ways = [[total], [1, total], [total, 1], shape[::-1], [*shape, 1], [-1], [0, *shape]]
    if total % 2 == 0:
        ways.append([2, total // 2])
    return rng.choice(ways)


PROBE = """
import faulthandler, pickle, resource, sys, warnings
faulthandler.enable()
warnings.simplefilter("ignore")
limit = 6 * 2**30
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
import numpy as np
from lookalike.models.safetensors_map import ModelError
from lookalike.models.file import load_model
for path, calls in pickle.load(open(sys.argv[1], "rb")):
    print(path, end=" ", flush=True)
    try:
        model = load_model(path)
    except ModelError as error:
        assert "\\n" not in str(error) and str(path) in str(error), str(error)
        assert len(str(error)) < 1000, str(error)
        print("refused", flush=True)
        continue
    for name, *arguments in calls:
        try:
            getattr(model, name)(*arguments)
        except Exception as error:
            print(type(error).__name__, end=" ", flush=True)
    print("done", flush=True)
"""
"""Loads files and asks what loads for answers; whatever Python raises is no crash."""
