"""The API document: OpenAPI 3.1 for every service and method, from what was registered and its marshmallow schemas."""

from __future__ import annotations

import inspect
import re
from typing import Any

from agor_core.errors import ERRORS, ServiceError
from agor_core.feathers.app import Feathers
from agor_core.feathers.components import Spec
from agor_core.feathers.methods import Method
from agor_core.feathers.service import ServiceHandle
from agor_core.feathers.transports.bodies import PayloadTooLarge

JSON = "application/json"

ERROR_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["name", "message", "code", "className"],
    "properties": {
        "name": {"type": "string", "examples": ["NotFound"]},
        "message": {"type": "string"},
        "code": {"type": "integer", "minimum": 400, "maximum": 599},
        "className": {"type": "string", "examples": ["not-found"]},
        "data": {"description": "What there is to know about it."},
        "errors": {"description": "What is wrong, by field."},
    },
}

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

FIND: tuple[dict[str, Any], ...] = (
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
        "example": {"created_at": -1},
    },
    SELECT,
    {
        "name": "$or",
        "in": "query",
        "schema": _BRANCHES,
        "style": "deepObject",
        "explode": True,
        "description": "Queries of which one must match: `$or[0][field]=value&$or[1][field]=value`.",
        "example": {"0": {"name": "Ann"}, "1": {"name": "Bea"}},
    },
    {
        "name": "$and",
        "in": "query",
        "schema": _BRANCHES,
        "style": "deepObject",
        "explode": True,
        "description": "Queries that must all match: `$and[0][field]=value&$and[1][field]=value`.",
        "example": {"0": {"name": "Ann"}},
    },
    {
        "name": "$query",
        "in": "query",
        "content": {"application/json": {"schema": {"type": "object"}, "example": {"name": {"$in": []}}}},
        "description": "The query, or a part of it, as JSON: with null, empty lists, and the types of all values.",
    },
)

# What any outside call may end with, beside its own errors.
MESSAGES = {
    400: "validation failed",
    401: "Not authenticated",
    403: "you may not do this",
    404: "No record found for id '1'",
    405: "Method `update` is not supported by this endpoint.",
    409: "this idempotency key was used with other data",
    410: "these events are no longer kept",
    413: "the body is larger than 10000000 bytes",
    422: "this cannot be done",
    429: "too many failed attempts to sign in",
    500: "something went wrong; the log has it as 4f1c9a0b7d21",
    503: "the server is stopping",
}
COMMON_ERRORS = tuple(MESSAGES)


# Of the fields of a record, those that a query string can ask for as they are.
SCALARS = {"string", "integer", "number", "boolean"}

EXAMPLE_ID = "1"


def build_document(app: Feathers, title: str, version: str, description: str = "") -> dict[str, Any]:
    """The OpenAPI document of an application as it is now."""
    spec = Spec(title, version, description)
    spec.components.schema("Error", ERROR_SCHEMA)
    spec.components.schema("Page", _page_schema())
    spec.components.security_scheme("bearer", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"})
    for code in COMMON_ERRORS:
        spec.components.response(f"Error{code}", _error_response(code))
    for path, service in sorted(app.services.items()):
        spec.tag({"name": path, "description": inspect.getdoc(type(service.object)) or path})
        _add_service(spec, service)
    document: dict[str, Any] = spec.to_dict()
    document["externalDocs"] = {"url": "/asyncapi.json", "description": "What is announced over Socket.IO."}
    return document


def _add_service(spec: Spec, service: ServiceHandle) -> None:
    base = "/" + _braced(service.path)
    route = re.findall(r":(\w+)", service.path)
    methods = service.methods
    collection: dict[str, Any] = {}
    record: dict[str, Any] = {}
    names = {"find": "get", "create": "post"}
    for name, verb in names.items():
        if name in methods.standard:
            collection[verb] = _operation(spec, service, methods.standard[name], route)
    for name, verb in {"get": "get", "update": "put", "patch": "patch", "remove": "delete"}.items():
        if name in methods.standard:
            record[verb] = _operation(spec, service, methods.standard[name], [*route, "id"])
    if collection:
        spec.path(path=base, operations=collection)
    if record:
        spec.path(path=f"{base}/{{id}}", operations=record)
    for name, method in methods.collection.items():
        spec.path(path=f"{base}/{name}", operations={"post": _operation(spec, service, method, route)})
    for name, kinds in methods.record.items():
        operations = {
            {"read": "get", "write": "post"}[kind]: _operation(spec, service, method, [*route, "id"])
            for kind, method in kinds.items()
            if kind != "remove"
        }
        if operations:
            spec.path(path=f"{base}/{{id}}/{name}", operations=operations)
        if "remove" in kinds:
            operation = _operation(spec, service, kinds["remove"], [*route, "id", "sub"])
            spec.path(path=f"{base}/{{id}}/{name}/{{sub}}", operations={"delete": operation})


def _operation(spec: Spec, service: ServiceHandle, method: Method, in_path: list[str]) -> dict[str, Any]:
    text = inspect.getdoc(getattr(type(service.object), method.name, None)) or method.name
    summary, _, rest = text.partition("\n")
    status = method.status or (201 if method.creates else 200)
    operation: dict[str, Any] = {
        "tags": [service.path],
        "operationId": f"{service.path.replace('/', '_').replace(':', '')}.{method.name}",
        "summary": summary,
        "parameters": _parameters(spec, service, method, in_path),
        "responses": {
            str(status): _answer(spec, service, method),
            "204": {"description": "The answer is null."},
            **{str(code): {"$ref": f"#/components/responses/Error{code}"} for code in COMMON_ERRORS},
        },
        "security": [{"bearer": []}, {}],
    }
    if rest.strip():
        operation["description"] = rest.strip()
    if "data" in method.arguments:
        taken = spec.taken(service, method)
        content = {"schema": taken, "example": _example(spec, service, method.name, taken, sent=True)}
        operation["requestBody"] = {"required": True, "content": {JSON: content}}
    return operation


def _parameters(spec: Spec, service: ServiceHandle, method: Method, in_path: list[str]) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "minLength": 1},
            "example": EXAMPLE_ID,
        }
        for name in in_path
    ]
    if method.name == "find":
        parameters += [dict(parameter) for parameter in FIND]
        parameters += _fields(spec, service)
    elif "id" in method.arguments or method.name == "create":
        parameters.append(dict(SELECT))
    if method.name not in ("find", "get"):
        parameters.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "schema": {"type": "string", "maxLength": 200},
                "description": "Carry this out once, however often it is sent with this key.",
                "example": "9f1c7c1e-6a53-4a5e-8b6e-6f2f6d0f3c11",
            }
        )
    return parameters


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
            "example": spec.example(schema),
        }
        for name, schema in properties.items()
        if SCALARS & set([schema["type"]] if isinstance(schema.get("type"), str) else schema.get("type", ()))
    ]


def _answer(spec: Spec, service: ServiceHandle, method: Method) -> dict[str, Any]:
    is_standard = method.wire in service.methods.standard
    record = spec.registered(service, f"{method.name}:result") or (spec.record(service) if is_standard else None)
    schema: dict[str, Any] = record or {}
    example = _example(spec, service, f"{method.name}:result", schema)
    if is_standard and record is None:
        example = {service.id_field: 1}
    if method.name == "find" and record is not None:
        page = {"allOf": [{"$ref": "#/components/schemas/Page"}, {"properties": {"data": {"items": record}}}]}
        schema = {"anyOf": [page, {"type": "array", "items": record}]}
    if method.name == "find":
        example = {"total": 1, "limit": 10, "skip": 0, "data": [example]}
    elif is_standard and record is not None and method.name in ("create", "patch", "remove"):
        schema = {"anyOf": [record, {"type": "array", "items": record}]}
    return {"description": "Done.", "content": {JSON: {"schema": schema, "example": example}}}


def _example(spec: Spec, service: ServiceHandle, name: str, schema: dict[str, Any], *, sent: bool = False) -> Any:
    """The example that was registered with a service, or one made from the schema."""
    own = service.schemas.get(f"{name}:example")
    return spec.example(schema, sent=sent) if own is None else own


def _page_schema() -> dict[str, Any]:
    count = {"type": "integer", "minimum": 0}
    return {
        "type": "object",
        "required": ["limit", "skip", "data"],
        "properties": {"total": count, "limit": count, "skip": count, "data": {"type": "array"}},
    }


def _error_response(code: int) -> dict[str, Any]:
    known: list[type[ServiceError]] = [*ERRORS.values(), PayloadTooLarge]
    error = next(error for error in known if error.code == code)
    example = {"name": error.name, "message": MESSAGES[code], "code": code, "className": error.class_name}
    schema = {"$ref": "#/components/schemas/Error"}
    return {
        "description": (inspect.getdoc(error) or error.name).partition(": ")[2] or error.name,
        "content": {JSON: {"schema": schema, "example": example}},
    }


def _braced(path: str) -> str:
    return re.sub(r":(\w+)", r"{\1}", path)
