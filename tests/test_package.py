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
    "array_types",
    "results",
    "images",
    "search",
    "features",
    "matching",
    "denoising",
    "estimators",
    "distributed",
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


SOURCES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in SOURCES.items()}

# Names that begin with an underscore and yet are for others: of named tuples, of Python, of IPython
# and of scikit-learn.
FOREIGN = {"_asdict", "_fields", "_make", "_replace", "_getframe", "_repr_html_"}
FOREIGN |= {"_parameter_constraints", "_scorers"}


def room_of(module: str) -> str:
    """Return the room of a module; the package root belongs to the last one."""
    own = module.split(".")[1]
    return ROOMS[-1] if own == "__init__" else own


def imports(module: str) -> Iterator[tuple[str, str, int]]:
    """Yield (module of the package, name or "", line) of each import in a module."""
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Import):
            found = [(alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}:{node.lineno}: imports are absolute here"
            found = [(node.module or "", alias.name) for alias in node.names]
        else:
            continue
        for origin, name in found:
            if origin.partition(".")[0] == "lookalike":
                if f"{origin}.{name}" in SOURCES or f"{origin}.{name}" in _PACKAGES:
                    origin, name = f"{origin}.{name}", ""
                yield origin, name, node.lineno


_PACKAGES = {name.removesuffix(".__init__") for name in SOURCES if name.endswith(".__init__")}


@pytest.mark.parametrize("module", SOURCES)
def test_rooms_import_only_from_rooms_before_them(module: str) -> None:
    own = room_of(module)
    for origin, _, line in imports(module):
        if origin != "lookalike":
            room = room_of(origin)
            assert ROOMS.index(room) <= ROOMS.index(own), f"{module}:{line}: {own} imports {room}"


def test_no_module_imports_the_package_root() -> None:
    found = [
        f"{module}:{line}: {name or origin}"
        for module in SOURCES
        for origin, name, line in imports(module)
        if origin == "lookalike" and name not in ("_core", "__version__")
    ]
    assert not found, "import from the module that defines it"


def test_no_two_modules_import_each_other() -> None:
    """Not even inside functions, nor for type checkers."""
    left = {module: {origin for origin, _, _ in imports(module)} for module in SOURCES}
    while free := [module for module in left if not left[module] & left.keys()]:
        for module in free:
            del left[module]
    # The rest is on a cycle, or imports a module that is.
    while top := left.keys() - set().union(*left.values()):
        for module in top:
            del left[module]
    assert not left


def test_only_results_reach_the_reports_by_name() -> None:
    by_name = {
        module
        for module, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant | ast.JoinedStr)
        and ast.unparse(node).strip("f'\"").startswith("lookalike.reports.")
    }
    assert by_name <= {"lookalike.results"}


def private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in FOREIGN


def test_no_room_reaches_for_private_names_of_another() -> None:
    defined: dict[str, set[str]] = {}  # the private names that each room gives to its own objects
    for module, tree in TREES.items():
        own = defined.setdefault(room_of(module), set())
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                own.add(node.name)
            elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
                own.add(node.id if isinstance(node, ast.Name) else node.attr)
    found = [
        f"{module}:{line}: {name}"
        for module in SOURCES
        for origin, name, line in imports(module)
        if origin != "lookalike" and private(name) and room_of(origin) != room_of(module)
    ]
    for module, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and private(node.attr):
                of = ast.unparse(node.value)
                is_own = of in ("self", "cls", "super()") or node.attr in defined[room_of(module)]
                if not is_own:
                    found.append(f"{module}:{node.lineno}: {ast.unparse(node)}")
    assert not found


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
