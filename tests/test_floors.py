"""The map of the house in CONTRIBUTING.md, enforced: imports go to earlier floors only."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "workbench"

# From the ground up. Rooms of one floor know nothing of each other, except on the ground.
FLOORS = (
    {
        "_version",
        "errors",
        "registry",
        "checks",
        "files",
        "heights",
        "progress",
        "archive",
        "muting",
    },
    {"data"},
    {"network"},
    {"cnn"},
    {"saved_model"},
    {"training"},
    {"evolve", "classification"},
    {"plot"},
    {"estimators", "study", "extremum", "complexity", "control"},
    {"compress", "architecture"},
    {"matlab"},
    {"kernel"},
    {"batch"},
    {"doctor", "classroom"},
    {"cli"},
)
FLOOR_OF = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}

# The package's own files: its stub names every room, and nothing imports them in turn.
DOORS = {"__init__", "__main__"}

# Heavy packages and the only places that may import them.
ONLY_IN = {
    "pygad": ("evolve/genetic.py",),
    "cmaes": ("evolve/covariance.py",),
    "joblib": ("evolve/workers.py",),
    "distributed": ("evolve/cluster.py", "evolve/workers.py"),
    "tensorflow": (
        "network/backend.py",
        "network/device.py",
        "cnn/native.py",
        "classification/native.py",
        "compress/litert.py",
    ),
    "keras": (
        "network/",
        "cnn/",
        "training/",
        "evolve/",
        "classification/",
        "compress/",
        "architecture.py",
        "estimators/",
        "study.py",
        "complexity/",
        "saved_model.py",
    ),
    "papermill": ("batch/",),
    "nbclient": ("batch/",),
    "ipykernel": ("kernel/",),
}

FILES = sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Yield every module that is imported anywhere in a file, with its line."""
    package = ["workbench", *path.relative_to(PACKAGE).parts[:-1]]
    return imports_of(path.read_text(encoding="utf-8"), package)


def imports_of(text: str, package: list[str]) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield module, node.lineno
            yield from ((f"{module}.{alias.name}", node.lineno) for alias in node.names)


def room_of(module: str) -> str | None:
    """Return the room of a module of ours, None for any other module."""
    parts = module.split(".")
    return parts[1] if parts[0] == "workbench" and len(parts) > 1 else None


def own_room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def test_every_room_is_on_the_map() -> None:
    rooms = {own_room(path) for path in FILES} - DOORS
    assert rooms <= FLOOR_OF.keys(), "give each new room a floor, here and in CONTRIBUTING.md"


@pytest.mark.parametrize(
    "path", [path for path in FILES if own_room(path) not in DOORS], ids=name_of
)
def test_imports_go_to_earlier_floors_only(path: Path) -> None:
    room = own_room(path)
    for module, line in imports(path):
        other = room_of(module)
        if other is None or other == room or other not in FLOOR_OF:
            continue
        lower = FLOOR_OF[other] < FLOOR_OF[room] or FLOOR_OF[other] == FLOOR_OF[room] == 0
        assert lower, f"{name_of(path)}:{line} imports {module}, which is not on an earlier floor"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_heavy_packages_are_imported_in_their_places_only(path: Path) -> None:
    for module, line in imports(path):
        places = ONLY_IN.get(module.partition(".")[0])
        allowed = places is None or name_of(path).startswith(places)
        assert allowed, f"{name_of(path)}:{line} imports {module}, which belongs into {places}"


@pytest.mark.parametrize(
    "path", [path for path in FILES if path.name == "__init__.py"], ids=name_of
)
def test_init_files_only_hand_names_on(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for statement in tree.body:
        docstring = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        handing_on = isinstance(statement, ast.Import | ast.ImportFrom) or (
            isinstance(statement, ast.Assign)
            and all("__" in name.id for name in ast.walk(statement) if _is_target(name))
        )
        assert docstring or handing_on, f"{name_of(path)}:{statement.lineno} defines something"


def _is_target(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


def test_imports_are_seen_in_every_form() -> None:
    text = (
        "import keras.ops\n"
        "from workbench.data import scaling\n"
        "from workbench import cli\n"
        "def late():\n    from ..evolve.genetic import minimize\n"
    )
    modules = [module for module, _ in imports_of(text, ["workbench", "network"])]
    assert {room_of(module) for module in modules} == {None, "data", "cli", "evolve"}
