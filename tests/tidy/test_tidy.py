"""House rules that a reader relies on: who imports whom, what is pure, how long things are."""

from __future__ import annotations

import ast
import importlib.machinery
import subprocess
import types
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted([*ROOT.glob("controller/**/*.py"), *ROOT.glob("alarms/**/*.py")])

# Each room may import what stands in the same or a lower layer; between neighbours only what is listed.
LAYERS = [
    {"alarms"},
    {"controller.plant"},
    {"controller.core", "controller.helium"},
    {
        "controller.loop",
        "controller.record",
        "controller.doors",
        "controller.schedule",
        "controller.runtime",
        "controller.supervise",
        "controller.sweep",
        "controller.watchdog",
    },
    {
        "controller.opcua",
        "controller.followers",
        "controller.console",
        "controller.simulator",
        "controller.dashboards",
        "controller.matrix",
        "controller.alarm_table",
        "controller.alarm_report",
        "controller.backtest",
        "alarms.receivers",
    },
    {"controller.cli", "controller.app", "controller.answers", "controller.replay", "controller.__main__"},
]
NEIGHBOURS = {
    ("controller.followers", "controller.opcua"),
    ("controller.followers", "alarms.receivers"),
    ("controller.opcua", "controller.simulator"),
    ("controller.core", "controller.helium"),
    ("controller.loop", "controller.doors"),
    ("controller.loop", "controller.record"),
    ("controller.schedule", "controller.record"),
    ("controller.app", "controller.answers"),
    ("controller.app", "controller.replay"),
    ("controller.cli", "controller.replay"),
    ("controller.cli", "controller.app"),
    ("controller.__main__", "controller.cli"),
}
PURE = ("alarms/", "controller/core/", "controller/helium/", "controller/simulator/")
NOT_PURE = ("alarms/receivers/",)
BANNED = {
    "asyncio",
    "threading",
    "time",
    "socket",
    "sqlite3",
    "logging",
    "asyncua",
    "subprocess",
    "structlog",
}
LINES_MAX = 500
FUNCTION_LINES_MAX = 50


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def room_of(module: str) -> str:
    if module.startswith("alarms.receivers"):
        return "alarms.receivers"
    parts = module.split(".")
    return "alarms" if parts[0] == "alarms" else ".".join(parts[:2])


def imports_of(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names if node.module == "controller")
    return found


def layer_of(room: str) -> int:
    return next(number for number, rooms in enumerate(LAYERS) if room in rooms)


def is_pure(path: Path) -> bool:
    place = path.relative_to(ROOT).as_posix()
    return place.startswith(PURE) and not place.startswith(NOT_PURE)


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_imports_go_one_way(path: Path) -> None:
    room = room_of(module_of(path))
    if room == "controller":
        return
    own_layer = layer_of(room)
    for name in imports_of(path):
        if not name.startswith(("controller.", "alarms")):
            continue
        other = room_of(name)
        if other == "controller" or other.startswith("controller.__version"):
            continue
        allowed = other == room or layer_of(other) < own_layer or (room, other) in NEIGHBOURS
        assert allowed, f"{module_of(path)} imports {name}: {other} is not below {room}"


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_only_the_opcua_room_imports_asyncua(path: Path) -> None:
    if not path.is_relative_to(ROOT / "controller/opcua"):
        assert not {name for name in imports_of(path) if name.split(".")[0] == "asyncua"}


@pytest.mark.parametrize("path", [path for path in SOURCES if is_pure(path)], ids=module_of)
def test_the_core_is_pure(path: Path) -> None:
    assert not {name.split(".")[0] for name in imports_of(path)} & BANNED
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        assert called not in {"open", "print", "input"}, f"line {node.lineno}: {called}"
        assert called.rsplit(".", 1)[-1] not in {"now", "utcnow", "today"} or not called.startswith(
            "datetime"
        ), f"line {node.lineno}: {called} reads the clock"
        drawn = called.removeprefix("random.") if called.startswith("random.") else ""
        assert drawn in {"", "Random"}, f"line {node.lineno}: {called} draws from the module's generator"
        assert not called.startswith("np.random.") or called == "np.random.default_rng", (
            f"line {node.lineno}: {called} draws from the module's generator"
        )


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_files_and_functions_are_short(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= LINES_MAX
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            length = (node.end_lineno or node.lineno) - body[0].lineno + 1 if body else 1
            assert length <= FUNCTION_LINES_MAX, f"{node.name} has {length} lines"


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_nothing_is_caught_that_is_not_named(path: Path) -> None:
    """`except Exception` hides bugs; a bug ends the process, and the PLC's watchdog makes that safe."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ExceptHandler):
            caught = ast.unparse(node.type) if node.type else "everything"
            assert caught not in {"everything", "Exception", "BaseException"}, f"line {node.lineno}"


def test_every_room_says_what_it_is_for() -> None:
    for room in sorted({path.parent for path in SOURCES} - {ROOT / "controller"}):
        about = room / "__init__.py"
        assert about.exists(), f"{room.relative_to(ROOT)} has no __init__.py"
        assert ast.get_docstring(ast.parse(about.read_text())), f"{about.relative_to(ROOT)} has no docstring"


def test_the_agreed_top_level_is_kept() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    folders = {line.split("/")[0] for line in listed.splitlines() if "/" in line}
    agreed = {"controller", "plc_maps", "alarms", "grafana", "deploy", "tests", "docs", "scripts", ".ci"}
    assert folders <= agreed


def test_dependency_files_name_no_host() -> None:
    for path in [
        *ROOT.glob("requirements*.txt"),
        ROOT / "pyproject.toml",
        *ROOT.glob("tests/**/package-lock.json"),
    ]:
        if "node_modules" not in path.parts:
            assert "://" not in path.read_text(), path.name


def test_what_is_generated_is_current() -> None:
    """`make generate` would change nothing."""
    loader = importlib.machinery.SourceFileLoader("generate", str(ROOT / "scripts/generate"))
    module = types.ModuleType(loader.name)
    module.__file__ = loader.path
    loader.exec_module(module)
    for path, text in module.generated().items():
        assert path.read_text(encoding="utf-8") == text, f"{path.relative_to(ROOT)} is old: make generate"
