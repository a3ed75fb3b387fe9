"""Imports point down: who may know whom, checked on every module."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("agor_core", "agor_daemon", "agor_cli")

LEAVES = ("agor_core.errors", "agor_core.ids", "agor_core.clock", "agor_core.files", "agor_core.processes")
CLIENT_SIDE = ("agor_core.client", "agor_core.config", "agor_core.errors", "agor_core.ids")

MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "agor_core.errors": (),
    "agor_core.ids": (),
    "agor_core.clock": (),
    "agor_core.files": (),
    "agor_core.processes": (),
    "agor_core.config": LEAVES,
    "agor_core.models": LEAVES,
    "agor_core.feathers": LEAVES,
    "agor_core.db": (*LEAVES, "agor_core.models"),
    "agor_core.git": LEAVES,
    "agor_core.agents": LEAVES,
    "agor_core.client": (*LEAVES, "agor_core.config"),
    "agor_cli": CLIENT_SIDE,
    "agor_daemon": ("agor_core",),
}
"""Each layer, and what of ours it may import beside itself."""

SERVERS = ("aiohttp", "socketio", "engineio")
DATABASES = ("sqlalchemy", "sqlmodel", "alembic", "psycopg", "libsql_client")
FOREIGN: dict[str, tuple[str, ...]] = {
    "agor_core.feathers": (*DATABASES, "pygit2", "claude_agent_sdk"),
    "agor_core.models": (*SERVERS, "pygit2", "claude_agent_sdk", "psycopg"),
    "agor_core.db": (*SERVERS, "pygit2", "claude_agent_sdk"),
    "agor_core.git": (*SERVERS, *DATABASES, "claude_agent_sdk"),
    "agor_core.agents": (*SERVERS, *DATABASES, "pygit2"),
    "agor_core.client": (*DATABASES, "pygit2", "claude_agent_sdk", "aiohttp"),
    "agor_cli": (*SERVERS, *DATABASES, "pygit2", "claude_agent_sdk", "marshmallow", "yaml"),
    "agor_daemon": ("pygit2", "sqlalchemy", "alembic", "claude_agent_sdk"),
}
"""Libraries that a layer must not touch, since another one wraps them."""


def modules() -> Iterator[tuple[str, Path]]:
    """(dotted name, file) of every module of the product."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imports(name: str, path: Path) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of everything a module imports, wherever in it."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def within(name: str, layer: str) -> bool:
    """Whether `name` is `layer` or something in it."""
    return name == layer or name.startswith(f"{layer}.")


def layer_of(name: str) -> str | None:
    """The layer that a module belongs to; None for the packages' own `__init__`."""
    return next((layer for layer in MAY_IMPORT if within(name, layer)), None)


@pytest.mark.parametrize(("name", "path"), list(modules()), ids=lambda value: value if isinstance(value, str) else "")
def test_imports_point_down(name: str, path: Path) -> None:
    """A module imports from its own layer, from those below it, and no library that another layer wraps."""
    layer = layer_of(name)
    if layer is None:
        assert name in PACKAGES, f"{name} belongs to no layer: say in this test which one"
        layer = name
    allowed = (layer, *MAY_IMPORT.get(layer, ()))
    for line, imported in imports(name, path):
        if imported.split(".")[0] in PACKAGES:
            assert any(within(imported, one) for one in allowed), f"{path}:{line} imports {imported}"
        banned = next((one for one in FOREIGN.get(layer, ()) if within(imported, one)), None)
        assert banned is None, f"{path}:{line}: {banned} is not for {layer}"


def test_the_rule_catches_a_breach(tmp_path: Path) -> None:
    """Absolute, relative and late imports are all seen."""
    module = tmp_path / "hooks.py"
    module.write_text("from ..db import open_database\ndef late():\n    import agor_core.git.names\n")
    found = {imported for _, imported in imports("agor_core.feathers.hooks", module)}
    assert found == {"agor_core.db.open_database", "agor_core.git.names"}
