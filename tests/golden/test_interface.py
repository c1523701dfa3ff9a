"""The public names with their signatures, and the commands with their options."""

from __future__ import annotations

import ast
import functools
import inspect
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, ForwardRef, Literal, get_args, get_origin, get_type_hints

import typer

import lookalike
from lookalike.cli.app import app

Golden = Callable[[str, str], None]
ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "docs/chapter.ipynb"]
IMPORT = re.compile(r"from (lookalike\.[\w.]+) import ([\w, ]+)")


def test_public_names(golden: Golden) -> None:
    lines = [line for name in lookalike.__all__ for line in describe(f"lookalike.{name}")]
    lines += [line for name in named() for line in describe(name)]
    for own in results({*(f"lookalike.{name}" for name in lookalike.__all__), *named()}):
        lines += members(own)
    golden("public-names.txt", "".join(f"{line}\n" for line in sorted(set(lines))))


def named() -> set[str]:
    """Return the names that pages import from modules of the package."""
    return {
        f"{module}.{name}"
        for page in PAGES
        for module, names in IMPORT.findall(page.read_text(encoding="utf-8"))
        for name in names.replace(" ", "").split(",")
    }


def load(name: str) -> Any:
    module, _, attribute = name.rpartition(".")
    return getattr(import_module(module), attribute)


def describe(name: str) -> list[str]:
    """Return a line for a public name, and one for each member of a class."""
    value = load(name)
    if not callable(value):
        return [name]
    return [f"{name}{signature(value)}", *(members(value) if isinstance(value, type) else [])]


def signature(value: Any) -> str:
    """Return a signature whose annotations, which are text, are not quoted."""
    return re.sub(r"""(: |-> )(['"])(.*?)\2(?=[,) ]|$)""", r"\1\3", str(inspect.signature(value)))


def members(own: type) -> list[str]:
    """Return the fields, properties and methods that this package gives to a class."""
    kinds = [base.__name__ for base in own.__bases__ if base is not object and not is_ours(base)]
    lines = [f"{own.__name__} is a {kind}" for kind in kinds]
    for base in filter(is_ours, own.__mro__):
        for name, value in {**vars(base), **inspect.get_annotations(base)}.items():
            if name.startswith("_") or name.endswith("_request"):  # scikit-learn's routing
                continue
            if isinstance(value, str | ForwardRef):
                line = f": {getattr(value, '__forward_arg__', value)}"
            elif isinstance(value, property | functools.cached_property):
                get = value.fget if isinstance(value, property) else value.func
                line = f": {signature(get).partition('-> ')[2]}"
            elif inspect.isroutine(value):
                line = signature(getattr(own, name))
            else:
                line = ""
            lines.append(f"{own.__name__}.{name}{line}")
    return lines


def is_ours(own: type) -> bool:
    return own.__module__.split(".")[0] == "lookalike"


def results(names: set[str]) -> set[type]:
    """Return the classes that public functions and methods return, and those in turn."""
    seen: set[type] = set()
    ahead = [load(name) for name in names]
    while ahead:
        value = ahead.pop()
        for returned in mentioned(value):
            if returned not in seen:
                seen.add(returned)
                ahead.append(returned)
    return seen


def mentioned(value: Any) -> Iterator[type]:
    """Find the public classes of this package that a function or a class's members return."""
    if not isinstance(value, type):
        yield from resolved(getattr(value, "__annotations__", {}).get("return", ""), value)
        return
    for base in filter(is_ours, value.__mro__):
        for name, own in vars(base).items():
            get = own.fget if isinstance(own, property) else getattr(own, "func", own)
            get = getattr(get, "__func__", get)
            if not name.startswith("_") and inspect.isfunction(get):
                yield from mentioned(get)
        for name, annotation in inspect.get_annotations(base).items():
            if not name.startswith("_"):
                yield from resolved(annotation, base)


def resolved(annotation: Any, where: Any) -> Iterator[type]:
    text = annotation if isinstance(annotation, str) else str(annotation)
    for name in re.findall(r"[A-Za-z]\w*", text):
        found = names_of(where.__module__).get(name)
        if isinstance(found, type) and is_ours(found):
            yield found


@functools.cache
def names_of(module: str) -> dict[str, Any]:
    """Return what names mean in a module, those that only type checkers import included."""
    loaded = import_module(module)
    names = dict(vars(loaded))
    for node in ast.walk(ast.parse(inspect.getsource(loaded))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("lookalike."):
            for alias in node.names:
                names[alias.asname or alias.name] = load(f"{node.module}.{alias.name}")
    return names


def test_commands_and_options(golden: Golden) -> None:
    lines = list(options(typer.main.get_command(app), "lookalike"))
    golden("command-line.txt", "".join(f"{line}\n" for line in lines))


def options(command: Any, name: str) -> Iterator[str]:
    yield name
    hints = get_type_hints(command.callback, include_extras=True)
    for own in command.params:
        given = next((i for i in get_args(hints.get(own.name)) if hasattr(i, "min")), None)
        facts = {
            "": type_name(hints.get(own.name)),
            "default": getattr(own.default, "value", own.default),
            "least": given and given.min,
            "most": given and given.max,
            "metavar": own.metavar,
            "variable": own.envvar,
        }
        told = [f"{key} {value}".strip() for key, value in facts.items() if value is not None]
        names = " ".join([*own.opts, *own.secondary_opts])
        yield f"    {names}{' (required)' if own.required else ''}: {', '.join(told)}"
    for sub in getattr(command, "commands", {}).values():
        yield from options(sub, f"{name} {sub.name}")


def type_name(hint: Any) -> str | None:
    """Return an option's type, such as "int" or "fast | best"; None if typer made the option."""
    if hint is None:
        return None
    optional = get_args(hint)[0]
    plain = get_args(optional)[0] if type(None) in get_args(optional) else optional
    if get_origin(plain) is Literal:
        return " | ".join(get_args(plain))
    return str(plain) if get_args(plain) else str(plain.__name__)
