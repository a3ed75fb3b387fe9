"""The parameters of each operation in the API document: what stands in path, query string and headers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agor_core.feathers.components import Spec
    from agor_core.feathers.methods import Method
    from agor_core.feathers.service import ServiceHandle

SELECT: dict[str, Any] = {
    "name": "$select",
    "in": "query",
    "schema": {"type": "array", "items": {"type": "string"}},
    "style": "form",
    "explode": True,
    "description": "Only these fields, and the id.",
    "example": ["id"],
}

_BRANCHES: dict[str, Any] = {
    "type": "object",
    "propertyNames": {"pattern": "^[0-9]{1,2}$"},
    "additionalProperties": {"type": "object"},
}

_FIND: tuple[dict[str, Any], ...] = (
    {
        "name": "$limit",
        "in": "query",
        "schema": {"type": "integer", "minimum": 0},
        "description": "At most so many records; 0 gives the total only.",
        "example": 10,
    },
    {
        "name": "$skip",
        "in": "query",
        "schema": {"type": "integer", "minimum": 0},
        "description": "Leave out so many.",
        "example": 0,
    },
    {
        "name": "$sort",
        "in": "query",
        "schema": {"type": "object", "additionalProperties": {"enum": [1, -1]}},
        "style": "deepObject",
        "explode": True,
        "description": "By field, `$sort[field]=1`: 1 ascending, -1 descending.",
    },
    SELECT,
    {
        "name": "$or",
        "in": "query",
        "schema": _BRANCHES,
        "style": "deepObject",
        "explode": True,
        "description": "Queries of which one must match: `$or[0][field]=value&$or[1][field]=value`.",
    },
    {
        "name": "$and",
        "in": "query",
        "schema": _BRANCHES,
        "style": "deepObject",
        "explode": True,
        "description": "Queries that must all match: `$and[0][field]=value&$and[1][field]=value`.",
    },
    {
        "name": "$query",
        "in": "query",
        "description": "The query, or a part of it, as JSON: with null, empty lists, and the types of all values.",
    },
)

IDEMPOTENCY_KEY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "maxLength": 200},
    "description": "Carry this out once, however often it is sent with this key.",
    "example": "9f1c7c1e-6a53-4a5e-8b6e-6f2f6d0f3c11",
}

# Of the fields of a record, those that a query string can ask for as they are.
SCALARS = ("string", "integer", "number", "boolean")

EXAMPLE_ID = "1"


def find_parameters(id_field: str, id: Any = EXAMPLE_ID) -> list[dict[str, Any]]:
    """What every `find` looks at, with examples about the field of the id, which there always is."""
    examples: dict[str, Any] = {"$sort": {id_field: -1}, "$select": [id_field]}
    examples |= {"$or": {"0": {id_field: id}}, "$and": {"0": {id_field: id}}}
    found = [{**parameter, "example": examples.get(parameter["name"], parameter.get("example"))} for parameter in _FIND]
    as_json = found[-1]
    del as_json["example"]
    as_json["content"] = {"application/json": {"schema": {"type": "object"}, "example": {id_field: {"$in": []}}}}
    return found


def parameters_of(
    spec: Spec, service: ServiceHandle, method: Method, in_path: list[str], is_idempotent: bool, *, of_many: bool
) -> list[dict[str, Any]]:
    """Those of one operation; `in_path`: the names in its path; `of_many`: it is done to all that the query finds."""
    found = [_path_parameter(service, name) for name in in_path]
    own = service.schemas.get(f"{method.name}:parameters")
    if own is not None:
        found += [{"in": "query", **parameter} for parameter in own]
    elif method.wire == "find":
        found += find_parameters(service.id_field, service.schemas.get("id:example", EXAMPLE_ID))
        found += _fields(spec, service)
    elif method.wire in service.methods.standard:
        found.append({**SELECT, "example": [service.id_field]})
        found += _fields(spec, service) if of_many else []
    found += [{"in": "query", **parameter} for parameter in service.schemas.get(f"{method.name}:more_parameters", ())]
    if is_idempotent and not method.reads:
        found.append(dict(IDEMPOTENCY_KEY))
    return found


def _path_parameter(service: ServiceHandle, name: str) -> dict[str, Any]:
    parameter = {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    about = service.schemas.get(f"{name}:about", "The id of the record." if name == "id" else "")
    example = service.schemas.get(f"{name}:example", EXAMPLE_ID)
    return {**parameter, **({"description": about} if about else {}), "example": example}


def _fields(spec: Spec, service: ServiceHandle) -> list[dict[str, Any]]:
    """The fields a find may ask for, by their value; with operators as `field[$gt]=value`."""
    record = spec.record(service)
    if record is None or "$ref" not in record:
        return []
    properties: dict[str, Any] = spec.schemas[record["$ref"].rpartition("/")[2]].get("properties", {})
    return [
        {
            "name": name,
            "in": "query",
            "schema": schema,
            "description": "Only records with this value; operators as in `" + name + "[$ne]=…`.",
            "example": spec.example({**schema, "type": _scalar(schema)}),
        }
        for name, schema in properties.items()
        if _scalar(schema) is not None
    ]


def _scalar(schema: dict[str, Any]) -> str | None:
    """The type of what is neither list nor object, null apart."""
    kind = schema.get("type", ())
    return next((name for name in ([kind] if isinstance(kind, str) else kind) if name in SCALARS), None)
