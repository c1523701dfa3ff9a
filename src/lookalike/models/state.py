"""Conversion of estimators to JSON and arrays, and back.

Attributes are stored recursively, down to plain values and arrays; classes need no code for it.
Classes are stored by name, and only those of `class_registry.py` are created again. An
array that several attributes share, or see in several shapes, is stored once.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from lookalike.models.class_registry import ATTRIBUTES, known_class, name_of, name_of_class
from lookalike.models.safetensors_map import ModelError
from lookalike.search.sklearn_fallback import SklearnFallback

Arrays = dict[str, NDArray[Any]]

_KINDS = "biuf"
_AS_INTEGERS: dict[str, np.dtype[Any]] = {
    "U": np.dtype("<u4"),
    "M": np.dtype("<i8"),
    "m": np.dtype("<i8"),
}
"""Kinds of dtypes that safetensors lacks, and the integers they are stored as."""


def to_state(value: Any) -> tuple[Any, Arrays]:
    """Convert a value to a state, which JSON can hold, and the arrays that it names.

    Raises
    ------
    ModelError
        If the value contains an object of an unknown class, for example a function.

    Examples
    --------
    >>> to_state({"k": (3, 0.5), "rows": np.zeros((2, 8))})[0]
    {'k': {'$tuple': [3, 0.5]}, 'rows': {'$array': 'a0', 'dtype': '<f8', 'shape': [2, 8]}}
    """
    writer = _Writer()
    state = writer.write(value, "")
    return state, writer.arrays


def from_state(state: Any, arrays: Mapping[str, NDArray[Any]]) -> Any:
    """Return the value of a state; its arrays are those given, possibly read-only.

    Raises
    ------
    ModelError
        If `to_state` cannot have made the state.
    """
    try:
        return _Reader(arrays).read(state)
    except ModelError:
        raise
    except RecursionError as error:
        raise ModelError("its description is nested too deeply") from error
    except Exception as error:  # hostile attributes may raise anything
        raise ModelError(f"its description cannot be read: {error!r:.200}") from error


class _Writer:
    def __init__(self) -> None:
        self.arrays: Arrays = {}
        self._names: dict[tuple[int, str, int], str] = {}
        self._inside: list[int] = []

    def write(self, value: Any, path: str) -> Any:
        """Return a value's state; error messages name its `path`."""
        if value is None or type(value) in (bool, int):
            return value
        if type(value) is str:
            if not _is_text(value):
                raise _no_text(value, path)
            return value
        if type(value) is float:
            return value if math.isfinite(value) else {"$float": str(value)}
        if isinstance(value, os.PathLike):
            return self.write(os.fspath(value), path)
        if isinstance(value, np.generic):
            return {"$scalar": self._array(np.asarray(value), path)}
        if isinstance(value, np.ma.MaskedArray):
            parts = (value.data, np.asarray(value.mask))
            return {"$masked": [self._array(part, path) for part in parts]}
        if isinstance(value, np.ndarray):
            return self._array(value, path)
        if id(value) in self._inside:
            raise ModelError(f"{path or 'it'} contains itself, which a model file cannot store")
        self._inside.append(id(value))
        try:
            return self._write_whole(value, path)
        finally:
            self._inside.pop()

    def _write_whole(self, value: Any, path: str) -> Any:
        if type(value) is list:
            return [self.write(one, f"{path}[{i}]") for i, one in enumerate(value)]
        if type(value) is tuple:
            return {"$tuple": [self.write(one, f"{path}[{i}]") for i, one in enumerate(value)]}
        if type(value) is dict:
            return self._dict(value, path)
        if type(value) is range:
            return {"$range": [value.start, value.stop, value.step]}
        if sparse.issparse(value):
            rows = value.tocsr()
            csr = [self._array(part, path) for part in (rows.data, rows.indices, rows.indptr)]
            return {"$csr": csr, "shape": list(rows.shape)}
        if isinstance(value, type) and (own := name_of_class(value)):
            return {"$class": own}  # of the splitter inside a repeated one
        name = name_of(value)
        if name is None:
            shown = f"{' '.join(repr(value).split()):.80}, of {type(value).__name__}"
            raise ModelError(
                f"{path.lstrip('.') or 'the model'} is {shown}, which a model file cannot store; "
                "use a function of this package or scikit-learn by its name, or store the "
                "estimator with joblib"
            )
        if isinstance(value, SklearnFallback):
            # scikit-learn's search follows from the rows, and its trees cannot be stored.
            state: Any = {"rows": value.rows, "params": value.params}
        elif isinstance(value, tuple):
            named: Any = value
            fields = [self.write(one, f"{path}.{key}") for key, one in named._asdict().items()]
            return {"$named": name, "values": fields}
        elif "__getstate__" in type(value).__dict__:
            state = value.__getstate__()
        else:
            state = vars(value)
        left_out = {*_REMADE.get(name, ())}
        # A class has None for what its instances in older files lack.
        unset = (key for key, one in state.items() if one is None)
        left_out |= {key for key in unset if getattr(type(value), key, 0) is None}
        called = ATTRIBUTES.get(name, {})
        state = {called.get(key, key): one for key, one in state.items() if key not in left_out}
        return {"$object": name, "state": self._dict(state, path)}

    def _dict(self, value: dict[Any, Any], path: str) -> Any:
        if all(type(key) is str and not key.startswith("$") for key in value):
            return {key: self.write(one, f"{path}.{key}") for key, one in value.items()}
        pairs = [
            [self.write(key, path), self.write(one, f"{path}[{key!r}]")]
            for key, one in value.items()
        ]
        return {"$dict": pairs}

    def _array(self, array: NDArray[Any], path: str) -> Any:
        dtype = array.dtype.newbyteorder("<")
        shape = list(array.shape)
        if array.dtype == object:
            values = [self.write(one, path) for one in array.ravel().tolist()]
            return {"$objects": values, "shape": shape}
        is_long = array.dtype.itemsize > 8 and array.dtype.kind in _KINDS  # as of long doubles
        if is_long or array.dtype.kind not in (*_KINDS, *_AS_INTEGERS):
            raise ModelError(
                f"{path.lstrip('.')} is an array of {array.dtype}, which a model file cannot "
                "store; give numbers, strings or dates"
            )
        array = np.ascontiguousarray(array, dtype=dtype)
        if not dtype.itemsize:  # NumPy gives empty strings no width
            array, dtype = array.astype("<U1"), np.dtype("<U1")
        if array.dtype.kind in _AS_INTEGERS:
            text = array.reshape(-1)
            array = text.view(_AS_INTEGERS[array.dtype.kind])
            if dtype.kind == "U" and array.size and not _are_characters(array):
                raise _no_text(next(one for one in text.tolist() if not _is_text(one)), path)
        place = (array.__array_interface__["data"][0], array.dtype.str, array.size)
        name = self._names.get(place) if array.size else None
        if name is None:
            name = f"a{len(self.arrays)}"
            self.arrays[name] = array.reshape(-1)
            self._names[place] = name
        return {"$array": name, "dtype": dtype.str, "shape": shape}


class _Reader:
    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._arrays = arrays

    def read(self, state: Any) -> Any:
        if state is None or type(state) in (bool, int, float, str):
            return state
        if type(state) is list:
            return [self.read(one) for one in state]
        tags = [key for key in state if key.startswith("$")]
        if not tags:
            return {key: self.read(one) for key, one in state.items()}
        if len(tags) > 1 or tags[0] not in _TAGS:
            raise ModelError(f"its description has unknown tags: {', '.join(tags)[:60]!r}")
        return _TAGS[tags[0]](self, state[tags[0]], state)

    def array(self, name: str, state: Any) -> NDArray[Any]:
        dtype = np.dtype(state["dtype"])
        if dtype.kind not in (*_KINDS, *_AS_INTEGERS):
            raise ModelError(f"its array {name!r} has dtype {dtype}, not numbers or strings")
        array, shape = self._arrays[name], tuple(state["shape"])
        kept_as = _AS_INTEGERS.get(dtype.kind, dtype)
        n_bytes = array.size * kept_as.itemsize
        if array.dtype != kept_as or n_bytes != math.prod(shape) * dtype.itemsize:
            raise ModelError(
                f"its array {name!r} has {array.size} values of {array.dtype}, but its description "
                f"says {shape} of {dtype}"
            )
        if dtype.kind == "U" and array.size and not _are_characters(array):
            raise ModelError(f"its array {name!r} holds invalid text")
        if dtype.kind == "b" and array.size and array.view(np.uint8).max() > 1:
            raise ModelError(f"its array {name!r} holds values other than true and false")
        return np.asarray(array.view(dtype).reshape(shape))

    def objects(self, values: list[Any], state: Any) -> NDArray[Any]:
        array = np.empty(len(values), object)
        for i, one in enumerate(values):
            array[i] = self.read(one)
        return array.reshape(tuple(state["shape"]))

    def csr(self, parts: list[Any], state: Any) -> Any:
        matrix = sparse.csr_matrix(tuple(map(self.read, parts)), shape=tuple(state["shape"]))
        matrix.check_format(full_check=True)
        return matrix

    def object(self, name: str, state: Any) -> Any:
        own = known_class(name)
        called = {there: here for here, there in ATTRIBUTES.get(name, {}).items()}
        attributes = {called.get(key, key): one for key, one in self.read(state["state"]).items()}
        if own is SklearnFallback:
            return SklearnFallback(**attributes)
        made = own.__new__(own)
        if "__setstate__" in own.__dict__:
            made.__setstate__(attributes)
        else:
            made.__dict__.update(attributes)
        return made


_TAGS: dict[str, Callable[[_Reader, Any, Any], Any]] = {
    "$array": _Reader.array,
    "$class": lambda own, name, state: known_class(name),
    "$csr": _Reader.csr,
    "$dict": lambda own, pairs, state: {own.read(key): own.read(one) for key, one in pairs},
    "$float": lambda own, text, state: float(text),
    "$masked": lambda own, parts, state: np.ma.MaskedArray(*map(own.read, parts)),
    "$named": lambda own, name, state: known_class(name)(*map(own.read, state["values"])),
    "$object": _Reader.object,
    "$objects": _Reader.objects,
    "$range": lambda own, bounds, state: range(*bounds),
    "$scalar": lambda own, value, state: own.read(value)[()],
    "$tuple": lambda own, values, state: tuple(map(own.read, values)),
}
"""What reads the value beside a tag, from the value and the whole state."""

_REMADE = {
    "estimators.KNeighborsSearchCV": ("scorer_",),
    "features.PretrainedFeatures": ("cache", "n_jobs"),
}
"""Attributes that are not stored: they follow from others, or belong to a machine."""


def _no_text(text: str, path: str) -> ModelError:
    return ModelError(
        f"{path.lstrip('.') or 'the model'} holds {text!r:.60}, which is not valid UTF-8; give it "
        "another name"
    )


def _is_text(text: str) -> bool:
    return not any("\ud800" <= one <= "\udfff" for one in text)


def _are_characters(codes: NDArray[Any]) -> bool:
    surrogates = (codes >= 0xD800) & (codes < 0xE000)
    return bool(codes.max() < 0x110000) and not bool(surrogates.any())
