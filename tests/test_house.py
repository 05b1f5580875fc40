"""The house: rooms and their floors, as CONTRIBUTING.md draws them, and how large a file may be."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
import warnings
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

from local_endpoint import Local

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "helpers" / "mistral_on_azure"
NAME = PACKAGE.name
HOUSE = tomllib.loads(Path(__file__).with_name("house.toml").read_text(encoding="utf-8"))
LONGEST, SHORTEST = 300, 60  # lines of a file
REPEATED = {"__init__", "__main__", "conftest"}  # stems that Python and pytest give a meaning of their own
NOT_OURS = {"build", "dist", "node_modules", "__pycache__"}

Graph = dict[str, set[str]]


def rooms() -> dict[str, str]:
    """The tree in CONTRIBUTING.md: paths from the root of the checkout and their lines, in the order of the page."""
    (tree,) = re.findall(
        r"```text\n(helpers/.*?)```", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.DOTALL
    )
    found, above = {}, []
    for line in tree.splitlines():
        indent, name, words = re.fullmatch(r"( *)(\S+) +(\S.*)", line).groups()
        above = [*above[: len(indent) // 2], name.rstrip("/")]
        found["/".join(above)] = words
    return found


def floors() -> list[str]:
    """What lies directly in the package, the ground floor first."""
    prefix = f"helpers/{NAME}/"
    return [path.removeprefix(prefix) for path in rooms() if path.startswith(prefix) and path.count("/") == 2]


def folders(parent: Path) -> Iterator[Path]:
    """The folders directly in another one that belong to the repository."""
    for path in sorted(parent.iterdir()):
        if path.is_dir() and path.name not in NOT_OURS and not path.name.startswith(".") and path.suffix != ".egg-info":
            yield path


def sources(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.py") if not NOT_OURS & set(path.relative_to(ROOT).parts))


def shown(path: Path) -> str:
    return path.relative_to(PACKAGE if path.is_relative_to(PACKAGE) else ROOT).as_posix()


@cache
def imports() -> Graph:
    """Which files of the package each one imports, by path: at the top, later, and for types only.

    A text that is a module's name counts too: it is imported when it is needed.
    """
    modules = {_module(path): path for path in sources(PACKAGE)}
    graph: Graph = {}
    for path in modules.values():
        wanted = graph[shown(path)] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for name in _imported(node):
                module = name if name in modules else name.rpartition(".")[0]
                if module in modules and modules[module] != path:
                    wanted.add(shown(modules[module]))
    return graph


def _module(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (each.name for each in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert not node.level, "imports name the whole path"
        yield from (f"{node.module}.{each.name}" for each in node.names)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith(f"{NAME}."):
        yield node.value


def circles(graph: Graph) -> list[list[str]]:
    """The groups of nodes that all lead to each other."""
    reached = {}
    for start in graph:
        seen, ahead = set(), [start]
        while ahead:
            for node in graph.get(ahead.pop(), ()):
                if node not in seen:
                    seen.add(node)
                    ahead.append(node)
        reached[start] = seen
    groups = {
        frozenset(n for n in reached[node] if node in reached.get(n, ())) for node in graph if node in reached[node]
    }
    return sorted(map(sorted, groups))


def check(rule: str, broken: dict[str, str]) -> None:
    """Fail for what breaks a rule, by its path; what is listed to be mended later is a warning."""
    later = tuple(HOUSE["later"].get(rule, ()))
    waiting = [message for path, message in broken.items() if path.startswith(later)]
    if waiting:
        warnings.warn(f"{rule}, to be mended: {'; '.join(waiting)}", stacklevel=2)
    assert not (left := [message for message in broken.values() if message not in waiting]), "\n".join(left)


def test_the_tree_is_the_one_in_contributing():
    there = {path.relative_to(ROOT).as_posix() for path in _rooms_there()}
    listed = set(rooms())
    assert not (missing := sorted(there - listed)), f"add a line to CONTRIBUTING.md: {missing}"
    assert not (gone := sorted(listed - there)), f"no longer there: {gone}"


def _rooms_there() -> Iterator[Path]:
    for top in folders(ROOT):
        yield PACKAGE if top == PACKAGE.parent else top
    yield from folders(ROOT / "notebooks")
    yield from (path.parent for path in sources(PACKAGE) if path.name == "__init__.py")
    yield from (path for path in sources(PACKAGE) if path.parent == PACKAGE)


def test_the_readme_leads_to_the_tree():
    assert "(CONTRIBUTING.md#the-tree)" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_imports_run_downwards():
    order = {name: number for number, name in enumerate(floors())}
    broken = {
        f"{path} {target}": f"{path} imports {target}, which is above it"
        for path, targets in imports().items()
        for target in targets
        if order[target.partition("/")[0]] > order[path.partition("/")[0]]
    }
    check("downwards", broken)


def test_the_rooms_of_the_endpoint_import_in_the_order_that_it_states():
    words = ast.get_docstring(ast.parse((PACKAGE / "endpoint" / "__init__.py").read_text(encoding="utf-8")))
    order = ["__init__", *reversed(re.findall(r"`(\w+)`", words.partition("to its right:")[2]))]
    rooms = {path: Path(path).parts[1].removesuffix(".py") for path in imports() if path.startswith("endpoint/")}
    assert set(order) == set(rooms.values())
    broken = [
        f"{path} imports {target}"
        for path in rooms
        for target in imports()[path]
        if target in rooms and order.index(rooms[target]) > order.index(rooms[path])
    ]
    assert not broken, "\n".join(broken)


def test_no_files_import_each_other_in_a_circle():
    check("circles", {group[0]: " ⇄ ".join(group) for group in circles(imports())})


def test_no_folders_import_each_other_in_a_circle():
    """What stands side by side in a folder, each subfolder taken as one."""
    beside: dict[str, Graph] = defaultdict(lambda: defaultdict(set))
    for path, targets in imports().items():
        for target in targets:
            parts, others = path.split("/"), target.split("/")
            same = next(at for at, pair in enumerate(zip(parts, others, strict=False)) if pair[0] != pair[1])
            beside["/".join(parts[:same])][parts[same]].add(others[same])
    check(
        "circles", {f"{at}/": f"{at}: {' ⇄ '.join(group)}" for at, graph in beside.items() for group in circles(graph)}
    )


def test_nothing_in_the_package_reads_the_tests():
    broken = {}
    for path in sources(PACKAGE):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        prose = {id(each.value) for each in ast.walk(tree) if isinstance(each, ast.Expr)}
        parts = {id(each.right) for each in ast.walk(tree) if isinstance(each, ast.BinOp)}  # as in ROOT / "tests"
        for node in ast.walk(tree):
            text = node.value if isinstance(node, ast.Constant) and id(node) not in prose else None
            if isinstance(text, str) and (
                re.fullmatch(r"(\S*/)?tests/\S*", text) or (text == "tests" and id(node) in parts)
            ):
                broken[shown(path)] = f"{shown(path)}, line {node.lineno}: {text!r}"
    check("tests", broken)


def test_a_file_name_means_one_thing():
    files = defaultdict(list)
    for path in (*sources(PACKAGE.parent), *sources(ROOT / "tests"), *ROOT.glob("*.py")):
        files[path.stem].append(shown(path))
    several = {stem: paths for stem, paths in files.items() if len(paths) > 1 and stem not in REPEATED}
    check("names", {path: f"{stem}: {', '.join(paths)}" for stem, paths in several.items() for path in paths[-1:]})


def test_a_test_has_the_name_of_what_it_tests():
    """`test_X.py` may stand for itself; where there is an X.py, it is in a room of the same name, or imports it."""
    files = {path.stem: path for path in (*sources(PACKAGE), *sources(ROOT / "tests")) if path.stem not in REPEATED}
    broken = {}
    for path in files.values():
        if (named := files.get(path.stem.removeprefix("test_"), path)) is path:
            continue
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        imported = {part for node in nodes for name in _imported(node) for part in name.split(".")}
        rooms_of_both = set(path.relative_to(ROOT / "tests").parts) & set(named.relative_to(ROOT).parts)
        if not rooms_of_both and named.stem not in imported:
            broken[shown(path)] = f"{shown(path)} does not test {shown(named)}"
    check("names", broken)


def test_no_file_is_too_long():
    lines = {shown(path): _lines(path) for path in (*sources(PACKAGE.parent), *sources(ROOT / "tests"))}
    check("long", {path: f"{path} has {count} lines" for path, count in lines.items() if count > LONGEST})


def test_a_short_file_has_a_reason():
    reasons = HOUSE["short"]
    short = {shown(path) for path in sources(PACKAGE) if path.name != "__init__.py" and _lines(path) < SHORTEST}
    assert not (over := sorted(set(reasons) - short)), f"gone, or no longer short: {over}"
    assert all(len(reason) > 20 for reason in reasons.values())
    check("short", {path: path for path in sorted(short - set(reasons))})


def _lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_what_a_room_says_of_its_files_is_there():
    """In a package's docstring, one word between backticks is a file or a folder in it, or beside it."""
    broken = {}
    for path in (path for path in sources(PACKAGE) if path.name == "__init__.py"):
        words = re.findall(r"`([a-z_]+)/?`", ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "")
        here = {each.stem for folder in (path.parent, path.parent.parent) for each in folder.iterdir()}
        if gone := [word for word in words if word not in here]:
            broken[shown(path)] = f"{shown(path)} speaks of {', '.join(gone)}"
    check("docstrings", broken)


CONNECT = f"""
import sys
import {NAME}
{NAME}.connect()
print(*(name for name in sys.modules if name.startswith("{NAME}.")), sep="\\n")
"""


def test_connecting_loads_nothing_from_a_floor_above(local: Local):
    done = subprocess.run([sys.executable, "-c", CONNECT], capture_output=True, text=True, timeout=60)
    loaded = {line.split(".")[1] for line in done.stdout.splitlines() if line.startswith(f"{NAME}.")}
    above = {name.removesuffix(".py") for name in floors()[floors().index("notebook") + 1 :]}
    assert not done.returncode and "notebook" in loaded, done.stderr
    assert not loaded & above, sorted(loaded & above)
    assert "recording" not in loaded


def test_the_package_offers_the_names_that_notebooks_import_and_no_others():
    imported = set()
    for path in (ROOT / "notebooks").rglob("*.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        for line in "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code").splitlines():
            if re.match(rf"\s*(from|import) {NAME}\b", line):
                _, separator, names = line.partition(f"from {NAME} import ")
                assert separator, f"{path.name}: {line}"
                imported |= {name.strip() for name in names.partition("#")[0].split(",")}
    assert imported == set(import_module(NAME).__all__)


@pytest.mark.parametrize(
    ("graph", "found"),
    [
        ({"a": {"b"}, "b": {"c"}, "c": set()}, []),
        ({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}, [["a", "b", "c"]]),
        ({"a": {"b"}, "b": {"a"}, "c": {"d", "a"}, "d": {"c"}}, [["a", "b"], ["c", "d"]]),
    ],
)
def test_circles_are_found(graph, found):
    assert circles(graph) == found
