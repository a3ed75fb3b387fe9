"""Every public name explains itself, and `__all__` promises only what there is."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("agor_core", "agor_daemon", "agor_cli")

Defined = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def module_files() -> list[Path]:
    """Every module of the product, save the generated ones."""
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")) if "/gui/" not in str(path)]


def public_definitions(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[str, Defined]]:
    """(dotted name, node) of the public functions and classes in `body`, and of the public methods of those classes."""
    for node in body:
        if not isinstance(node, Defined) or node.name.startswith("_") or is_overload(node) or is_attribute(node):
            continue
        yield prefix + node.name, node
        if isinstance(node, ast.ClassDef):
            yield from public_definitions(node.body, f"{prefix}{node.name}.")


def is_overload(node: Defined) -> bool:
    """Whether `node` restates another definition: an overload, a setter, or a method its base class explains."""
    names = {
        decorator.attr if isinstance(decorator, ast.Attribute) else getattr(decorator, "id", "")
        for decorator in node.decorator_list
    }
    return bool(names & {"overload", "setter", "override"})


def is_attribute(node: Defined) -> bool:
    """Whether `node` is an attribute in all but form: a property that only hands something out.

    Its name and its type say what it is, as with a field of a dataclass.
    """
    match node:
        case ast.FunctionDef(decorator_list=[ast.Name("property" | "cached_property")], body=[*checks, last]):
            return isinstance(last, ast.Return | ast.Expr) and all(isinstance(one, ast.Assert) for one in checks)
    return False


@pytest.mark.parametrize("path", module_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_public_names_have_a_docstring(path: Path) -> None:
    """The module, and every public function, class and method in it, has a sentence."""
    tree = ast.parse(path.read_text(), str(path))
    silent = [name for name, node in public_definitions(tree.body) if not ast.get_docstring(node)]
    assert ast.get_docstring(tree), f"{path} does not say what it is for"
    assert silent == []


@pytest.mark.parametrize("path", module_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_all_names_what_is_there(path: Path) -> None:
    """Each name in `__all__` is defined or imported in the module, once, and no private one is promised."""
    tree = ast.parse(path.read_text(), str(path))
    promised = [name for node in tree.body for name in promised_by(node)]
    there = {name for node in ast.walk(tree) for name in defined_by(node)}
    assert sorted(set(promised)) == sorted(promised)
    assert [name for name in promised if name not in there] == []
    assert [name for name in promised if name.startswith("_") and not name.endswith("__")] == []


def promised_by(node: ast.stmt) -> list[str]:
    """The names in `__all__ = [...]`."""
    if not isinstance(node, ast.Assign | ast.AnnAssign):
        return []
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    if not any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
        return []
    value = node.value
    assert isinstance(value, (ast.List, ast.Tuple)), "__all__ is a plain list of names"
    return [ast.literal_eval(element) for element in value.elts]


def defined_by(node: ast.AST) -> Iterator[str]:
    """The names that a statement binds."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield node.name
        case ast.Import() | ast.ImportFrom():
            yield from (alias.asname or alias.name for alias in node.names)
        case ast.Name(ctx=ast.Store()):
            yield node.id
