"""The house as it was agreed: rooms, doors, and nothing hidden in the hallways (architecture.md)."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("edge", "scanner", "cache", "sync", "credit", "storage", "central")
FILES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
MAX_MODULE_LINES = 320
MAX_FUNCTION_LINES = 50
MAX_MODULES_IN_A_FOLDER = 12
MAX_DOORS_OF_CENTRAL = 8
MAX_FORMATTED_BY_HAND = 10
MAX_PARAMETERS = 7
MAX_PARAMETERS_IN_CACHE = 5
FIXED_BY_CONTRACT = {"credit.tokens.open_token"}

IMPORT_ALL = "import importlib, sys; [importlib.import_module(name) for name in sys.argv[1:]]"


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in FILES if path.name != "__main__.py"}


def imported(path):
    """Return the modules of ours that importing this one imports; what stands in a function waits for its call."""
    waiting, found = [ast.parse(path.read_text())], set()
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module} | {f"{node.module}.{one.name}" for one in node.names}
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            waiting += ast.iter_child_nodes(node)
    return found & MODULES.keys() - {module_name(path)}


def test_each_module_imports_alone():
    """There is no circle, so whatever is imported first is whole before it is used; and each can be imported at all."""
    graph = {name: imported(path) for name, path in MODULES.items()}

    order = list(TopologicalSorter(graph).static_order())  # raises CycleError, which names the circle

    for some in (order[::2], order[1::2][::-1]):  # from below, and from above
        subprocess.run([sys.executable, "-I", "-c", IMPORT_ALL, *some], capture_output=True, text=True, check=True)


@pytest.mark.parametrize("path", [p for p in FILES if p.name == "__init__.py"], ids=module_name)
def test_an_init_file_holds_a_docstring_only(path):
    body = ast.parse(path.read_text()).body

    assert len(body) == 1
    assert isinstance(body[0], ast.Expr)
    assert ast.get_docstring(ast.parse(path.read_text()))


def test_no_function_takes_more_than_a_person_can_hold():
    many = {}
    for path in FILES:
        most = MAX_PARAMETERS_IN_CACHE if path.is_relative_to(ROOT / "cache") else MAX_PARAMETERS
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                takes = [one.arg for one in every if one.arg not in ("self", "cls")]
                name = f"{module_name(path)}.{node.name}"
                if len(takes) > most and name not in FIXED_BY_CONTRACT:
                    many[name] = takes

    assert many == {}


def test_no_folder_is_crowded():
    rooms = {path.parent for path in FILES}

    crowded = {
        str(room.relative_to(ROOT)): len(modules)
        for room in rooms
        if len(modules := [p for p in room.glob("*.py") if not p.name.startswith("__")]) > MAX_MODULES_IN_A_FOLDER
    }

    assert crowded == {}


@pytest.mark.parametrize("path", [p for p in FILES if not p.name.startswith("__")], ids=module_name)
def test_no_module_bears_a_standard_library_name(path):
    assert path.stem not in sys.stdlib_module_names


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_modules_and_functions_stay_small(path):
    text = path.read_text()
    tree = ast.parse(text)

    long = {
        node.name: node.end_lineno - node.lineno + 1
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and node.end_lineno - node.lineno >= MAX_FUNCTION_LINES
    }
    assert long == {}
    assert text.count("\n") <= MAX_MODULE_LINES


def test_central_has_few_doors():
    doors = [path.stem for path in (ROOT / "central").glob("*.py") if not path.name.startswith("__")]

    assert len(doors) <= MAX_DOORS_OF_CENTRAL


def test_the_formatter_is_configured_and_not_fought():
    mark = "# fmt: " + "skip"

    files = [str(path) for room in (*ROOMS, "tests", "bench", "docs") for path in (ROOT / room).rglob("*.py")]
    lines = [path for path in files for line in Path(path).read_text().splitlines() if line.endswith(mark)]

    assert len(lines) <= MAX_FORMATTED_BY_HAND, lines


def test_the_top_level_names_are_ours():
    owners = packages_distributions()

    assert {room: set(owners.get(room, ["xinguan"])) for room in ROOMS} == {room: {"xinguan"} for room in ROOMS}


def test_a_terminal_without_a_camera_never_imports_cv2():
    code = (
        "import edge.terminal, edge.commands.run, sys; print({'cv2', 'numpy', 'zxingcpp', 'pyzbar'} & set(sys.modules))"
    )

    answer = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "set()"


@pytest.mark.parametrize("folder", ["cache/schema", "central/schema/sqlite", "central/schema/postgres"])
def test_schema_files_count_without_a_gap_and_without_a_double(folder):
    """Two people take the next free number on the same day: no database would open."""
    numbers = sorted(int(path.name[:4]) for path in (ROOT / folder).glob("*.sql"))

    assert numbers == list(range(1, len(numbers) + 1))
