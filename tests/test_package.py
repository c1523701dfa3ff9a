"""The package as a whole: its names, its rooms, its types and what importing it costs."""

import ast
import importlib.metadata
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from nanobind.stubgen import StubGen

import lookalike
from lookalike import _core

PACKAGE = Path(lookalike.__file__).parent

# From the data's entrance to the user's doors; a room imports only from those before it.
ROOMS = [
    "results",
    "images",
    "search",
    "matching",
    "cleaning",
    "estimators",
    "evaluation",
    "reports",
    "models",
    "web",
    "cli",
]


def test_version_is_the_distribution_s() -> None:
    assert lookalike.__version__ == importlib.metadata.version("lookalike")


@pytest.mark.parametrize("name", lookalike.__all__)
def test_public_name_loads(name: str) -> None:
    assert name in dir(lookalike)
    assert getattr(lookalike, name) is not None


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'lookalike' has no attribute 'NearestNeighbours'"):
        _ = lookalike.NearestNeighbours


def test_type_checkers_see_the_names_that_users_get() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.name: node.module
        for node in guarded.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == lookalike._HOMES
    assert sorted([*seen, "__version__"]) == sorted(lookalike.__all__)


def test_importing_the_package_loads_nothing_heavy() -> None:
    program = "import sys, lookalike; print(*sys.modules)"
    output = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    ).stdout
    heavy = {"numpy", "scipy", "sklearn", "matplotlib", "typer", "lookalike._core"}
    assert heavy.isdisjoint(output.split())


def imported_rooms(source: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{source}:{node.lineno}: imports are absolute here"
            modules = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for module in modules:
            package, _, rest = f"{module}.".partition(".")
            room = rest.partition(".")[0]
            if package == "lookalike" and room in ROOMS:
                yield room, node.lineno


@pytest.mark.parametrize(
    "source", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.relative_to(PACKAGE).as_posix()
)
def test_rooms_import_only_from_rooms_before_them(source: Path) -> None:
    own = source.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if own == "__init__":
        own = ROOMS[-1]
    for room, line in imported_rooms(source):
        assert ROOMS.index(room) <= ROOMS.index(own), f"{source}:{line}: {own} imports {room}"


def test_package_declares_its_types() -> None:
    assert (PACKAGE / "py.typed").is_file()


def declarations(stub: str) -> list[str]:
    """What a stub says, whatever its layout and the order of its imports."""
    tree = ast.parse(stub)
    imports = sorted(
        ast.unparse(n) for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)
    )
    others = [ast.unparse(n) for n in tree.body if not isinstance(n, ast.Import | ast.ImportFrom)]
    return imports + others


def test_stub_is_that_of_the_native_module() -> None:
    generator = StubGen(module=_core)
    generator.put(_core)
    committed = (PACKAGE / "_core.pyi").read_text(encoding="utf-8")
    assert declarations(committed) == declarations(generator.get()), "run `make stub`"
