"""How a service says what it takes and gives, for the API documents.

`Feathers.use(…, schemas=…)`, or the attribute `api_schemas` of a service object, is a mapping with any of these keys;
`<method>` is the name of the attribute that is called. Schemas are marshmallow classes or JSON schemas, in which
`RecordOf` may stand for a record of any service.

| key | value |
| --- | --- |
| `about`, `<method>:about` | text for those who call it, in place of the docstring |
| `record` | the schema of a record; `record:<method>`: properties that only its answers have besides |
| `pages`, `multi` | whether `find` gives pages; whether several records at once are taken, or by which methods |
| `<method>`, `<method>:result` | the schema of what it takes; of the whole answer |
| `<method>:example`, `<method>:result:example` | what is shown instead of a made-up example |
| `<method>:parameters` | OpenAPI parameters (`in` is `query` unless given), in place of the usual ones |
| `<method>:more_parameters` | the same, beside the usual ones |
| `<method>:errors` | statuses of errors beside those that every call may end with; without it, all there are |
| `id:about`, `id:example` | what the path may hold; `sub:…` in the same way |
| `event:<name>`, `event:<name>:about` | what a custom event carries; when it comes |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

COMPONENTS = "#/components/schemas/"


@dataclass(frozen=True, slots=True)
class RecordOf:
    """In a JSON schema: a record of the service `path`, as its method `as_in` answers with it."""

    path: str
    as_in: str = ""


def list_of(items: Any) -> dict[str, Any]:
    """The schema of a list."""
    return {"type": "array", "items": items}


def page_of(items: Any) -> dict[str, Any]:
    """The schema of a page."""
    return {
        "allOf": [{"$ref": f"{COMPONENTS}Page"}, {"type": "object", "properties": {"data": list_of(items)}}],
    }


def object_of(optional: tuple[str, ...] = (), /, **properties: Any) -> dict[str, Any]:
    """The schema of an object that has all `properties`, but for the optional ones."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "required": required, "properties": properties}


def or_null(schema: Any) -> dict[str, Any]:
    """The schema of something that may be null."""
    return {"anyOf": [schema, {"type": "null"}]}


def allows_null(schema: Any) -> bool:
    """Whether `or_null` made it."""
    return isinstance(schema, dict) and {"type": "null"} in schema.get("anyOf", ())
