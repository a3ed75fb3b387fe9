"""`python -m agor_core.models.generate [--check]`: the types of clients, written from the entities.

Writes the dataclasses of the Python SDK and the TypeScript of the frontend. `--check` writes nothing and exits with 1
if either is not what it would write.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import BaseModel

from agor_core.models import ENTITIES
from agor_core.models.shape import Field, public_fields
from agor_core.models.wire import COMPUTED, FROM_GIT

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / "agor_core/client/records.py"
TYPESCRIPT = ROOT / "frontend/src/contract/records.ts"

_PYTHON_TYPES = {"text": "str", "id": "str", "time": "str", "integer": "int", "number": "float", "boolean": "bool"}
_TYPESCRIPT_TYPES = {
    **dict.fromkeys(("text", "id", "time"), "string"),
    **dict.fromkeys(("integer", "number"), "number"),
    "boolean": "boolean",
    "map": "Record<string, unknown>",
    "any": "unknown",
}

_PYTHON_HEAD = '''"""Records as the daemon sends them. Written by `python -m agor_core.models.generate`; do not edit.

A record keeps what it does not know, in `extra`: a newer daemon may send more. Times are ISO 8601 text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self


@dataclass
class Record:
    """What all records can do."""

    extra: dict[str, Any] = field(default_factory=dict, kw_only=True)
    """Fields this version does not know."""

    @classmethod
    def from_wire(cls, sent: Mapping[str, Any]) -> Self:
        """The record that was sent; whatever is missing has its default."""
        names = {known.name for known in fields(cls)} - {"extra"}
        known = {name: value for name, value in sent.items() if name in names}
        return cls(**known, extra={name: value for name, value in sent.items() if name not in names})

    def to_wire(self) -> dict[str, Any]:
        """The record as it was sent."""
        known = {known.name: getattr(self, known.name) for known in fields(self) if known.name != "extra"}
        return {**known, **self.extra}
'''

_TYPESCRIPT_HEAD = """/**
 * Records as the daemon sends them. Written by `python -m agor_core.models.generate`; do not edit.
 * Times are ISO 8601 text.
 */
"""


def python_source() -> str:
    """The SDK's dataclasses. Nested objects stay dictionaries: they are read, not kept."""
    parts = [_PYTHON_HEAD]
    for path, entity in ENTITIES.items():
        lines = ["@dataclass", f"class {entity.__name__}(Record):", f'    """A record of `{path}`."""', ""]
        lines += [f"    {field.name}: {_python_type(field)} = {_python_default(field)}" for field in _fields(entity)]
        lines += [f"    {name}: list[str] = field(default_factory=list)" for name in _computed(path)]
        lines += [f"    {name}: list[dict[str, Any]] = field(default_factory=list)" for name in _from_git(path)]
        lines += ["    short_id: str | None = None"]
        parts.append("\n".join(lines) + "\n")
    return "\n\n".join(parts)


def typescript_source() -> str:
    """The frontend's types, nested objects and choices by name."""
    objects: dict[str, type[BaseModel]] = {}
    choices: dict[str, tuple[str, ...]] = {}
    bodies = []
    for path, entity in ENTITIES.items():
        _collect(entity, objects, choices)
        objects.update({item.__name__: item for item in _from_git(path).values()})
        optional = [f"  {name}?: string[]" for name in _computed(path)]
        optional += [f"  {name}?: {item.__name__}[]" for name, item in _from_git(path).items()]
        optional += ["  truncated?: boolean"] if path == "messages" else []
        bodies.append(_interface(entity, [*optional, "  short_id?: string"]))
    named = [f"export type {name} = {' | '.join(map(_quoted, values))}" for name, values in choices.items()]
    return "\n\n".join([_TYPESCRIPT_HEAD + "\n".join(named), *map(_interface, objects.values()), *bodies]) + "\n"


def stale() -> list[Path]:
    """The generated files that are not what would be written now."""
    return [file for file, text in _targets().items() if not file.exists() or file.read_text() != text]


def main(arguments: list[str]) -> int:
    """Write both files, or with `--check` say which are stale."""
    if arguments == ["--check"]:
        for file in stale():
            print(f"{file.relative_to(ROOT)} is stale: run python -m agor_core.models.generate", file=sys.stderr)
        return 1 if stale() else 0
    for file, text in _targets().items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return 0


def _targets() -> Mapping[Path, str]:
    return {PYTHON: python_source(), TYPESCRIPT: typescript_source()}


def _fields(cls: type[BaseModel]) -> Iterable[Field]:
    return public_fields(cls).values()


def _computed(path: str) -> tuple[str, ...]:
    return (COMPUTED[path],) if path in COMPUTED else ()


def _from_git(path: str) -> Mapping[str, type[BaseModel]]:
    return FROM_GIT.get(path, {})


def _python_type(field: Field) -> str:
    match field.kind:
        case "list":
            assert field.item is not None
            kind = f"list[{_python_type(field.item)}]"
        case "object" | "map":
            kind = "dict[str, Any]"
        case "any":
            return "Any"
        case plain:
            kind = _PYTHON_TYPES[plain]
    return f"{kind} | None" if field.is_nullable else kind


def _python_default(field: Field) -> str:
    if field.is_nullable:
        return "None"
    match field.kind:
        case "list":
            return "field(default_factory=list)"
        case "object" | "map":
            return "field(default_factory=dict)"
        case "integer" | "number":
            return repr(field.default or 0)
        case "boolean":
            return repr(bool(field.default))
        case _:
            return '"' + (field.default or "") + '"'


def _collect(cls: type[BaseModel], objects: dict[str, type[BaseModel]], choices: dict[str, tuple[str, ...]]) -> None:
    for field in _fields(cls):
        inner = field.item if field.item is not None else field
        if inner.model is not None:
            _collect(inner.model, objects, choices)
            objects.setdefault(inner.model.__name__, inner.model)
        if inner.choices:
            choices.setdefault(_choice_name(cls, field), inner.choices)


def _interface(cls: type[BaseModel], more: Iterable[str] = ()) -> str:
    lines = []
    for field in _fields(cls):
        if field.description:
            lines.append(f"  /** {field.description} */")
        lines.append(f"  {field.name}: {_typescript_type(cls, field)}")
    if cls.__name__ == "Origin":
        lines.append("  children?: string[]")
    return "\n".join([f"export interface {cls.__name__} {{", *lines, *more, "}"])


def _typescript_type(cls: type[BaseModel], field: Field) -> str:
    kind = _one_typescript_type(cls, field, field)
    if field.item is not None:
        item = _one_typescript_type(cls, field, field.item)
        kind = f"({item})[]" if " " in item else f"{item}[]"
    return f"{kind} | null" if field.is_nullable and kind != "unknown" else kind


def _one_typescript_type(cls: type[BaseModel], named: Field, field: Field) -> str:
    if field.choices:
        return _choice_name(cls, named)
    if field.model is not None:
        return field.model.__name__
    return _TYPESCRIPT_TYPES.get(field.kind, "unknown")


def _choice_name(cls: type[BaseModel], field: Field) -> str:
    owner = "Permission" if cls.__name__.startswith("PermissionRequest") else cls.__name__
    return owner + "".join(part.capitalize() for part in field.name.split("_"))


def _quoted(text: str) -> str:
    return f"'{text}'"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
