"""Examples for the API documents, made from the JSON schemas in them: the same each time, and valid."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# A schema that contains itself has to end somewhere.
DEEPEST = 6

BY_FORMAT = {
    "date-time": "2026-01-31T12:00:00.000Z",
    "date": "2026-01-31",
    "time": "12:00:00",
    "email": "ann@example.com",
    "url": "https://example.com/",
    "uri": "https://example.com/",
    "uuid": "01890a5d-ac96-774b-bcce-b302099a8057",
    "ip": "127.0.0.1",
    "ipv4": "127.0.0.1",
    "ipv6": "::1",
}

Schemas = Mapping[str, Mapping[str, Any]]


def example_of(schema: Mapping[str, Any], schemas: Schemas, *, sent: bool = False) -> Any:
    """A value that `schema` allows. `schemas`: the components it may refer to, by name.

    `sent`: as a client sends it, without what only the server may say, and what may be left out and would say nothing.
    """
    return _Maker(schemas, sent).value(schema, 0)


class _Maker:
    def __init__(self, schemas: Schemas, sent: bool) -> None:
        self._schemas = schemas
        self._sent = sent

    def value(self, schema: Mapping[str, Any], depth: int) -> Any:
        if schema.get("examples"):
            return schema["examples"][0]
        if "$ref" in schema:
            return self.value(self._schemas[str(schema["$ref"]).rpartition("/")[2]], depth)
        for key in ("example", "const", "default"):
            if key in schema:
                return schema[key]
        if _is_optional_scalar(schema):
            return None
        if schema.get("enum"):
            return schema["enum"][0]
        for key in ("anyOf", "oneOf"):
            if schema.get(key):
                return self.value(schema[key][0], depth)
        if schema.get("allOf"):
            return self._all(schema["allOf"], depth)
        kind = schema.get("type")
        if isinstance(kind, list):
            kind = next((name for name in kind if name != "null"), "null")
        return self._of_type(kind, schema, depth)

    def _of_type(self, kind: Any, schema: Mapping[str, Any], depth: int) -> Any:
        match kind:
            case "string":
                return _text(schema)
            case "integer" | "number":
                return max(schema.get("minimum", 1), 1) if schema.get("maximum", 1) >= 1 else schema["maximum"]
            case "boolean":
                return True
            case "array":
                items = schema.get("items")
                return [self.value(items, depth + 1)] if items and depth < DEEPEST else []
            case "null":
                return None
        return self._object(schema, depth) if kind == "object" or "properties" in schema else {}

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        needed = schema.get("required", ())
        return {
            name: self.value(part, depth + 1)
            for name, part in schema.get("properties", {}).items()
            if name in needed or (depth < DEEPEST and not (self._sent and _is_not_sent(part)))
        }

    def _all(self, parts: list[Mapping[str, Any]], depth: int) -> Any:
        merged: dict[str, Any] = {}
        for part in parts:
            found = self.value(part, depth)
            if isinstance(found, dict):
                merged |= found
        return merged


def _is_optional_scalar(schema: Mapping[str, Any]) -> bool:
    """Whether null says as much as a made-up value would."""
    kind = schema.get("type")
    return isinstance(kind, list) and "null" in kind and not {"object", "array"} & set(kind)


def _is_not_sent(part: Mapping[str, Any]) -> bool:
    return bool(part.get("readOnly")) or not (part.get("examples") or "default" in part)


def _text(schema: Mapping[str, Any]) -> str:
    text = BY_FORMAT.get(schema.get("format", ""), "text").ljust(schema.get("minLength", 0), "x")
    return text[: schema["maxLength"]] if "maxLength" in schema else text
