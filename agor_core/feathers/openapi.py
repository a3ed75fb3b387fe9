"""The API document: OpenAPI 3.1 for every service and method, from what was registered and its marshmallow schemas."""

from __future__ import annotations

import inspect
import re
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin

from agor_core.errors import ERRORS
from agor_core.feathers.app import Feathers
from agor_core.feathers.methods import Method
from agor_core.feathers.service import ServiceHandle

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

PAGING: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("$limit", {"type": "integer", "minimum": 0}, "At most so many records; 0 gives the total only."),
    ("$skip", {"type": "integer", "minimum": 0}, "Leave out so many."),
    ("$sort", {"type": "object", "additionalProperties": {"enum": [1, -1]}}, "By field: 1 ascending, -1 descending."),
    ("$select", {"type": "array", "items": {"type": "string"}}, "Only these fields, and the id."),
    ("$or", {"type": "array", "items": {"type": "object"}}, "Queries of which one must match."),
    ("$and", {"type": "array", "items": {"type": "object"}}, "Queries that must all match."),
)

# What any outside call may end with, beside its own errors.
COMMON_ERRORS = (400, 401, 403, 404, 405, 409, 422, 429, 500, 503)


class Spec(APISpec):
    """A document under construction, and which schema is which component."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.named: dict[Any, str] = {}


def build_document(app: Feathers, title: str, version: str, description: str = "") -> dict[str, Any]:
    """The OpenAPI document of an application as it is now."""
    spec = Spec(
        title=title,
        version=version,
        openapi_version="3.1.0",
        info={"description": description} if description else {},
        plugins=[MarshmallowPlugin(schema_name_resolver=_nested_name)],
    )
    spec.components.schema("Error", ERROR_SCHEMA)
    spec.components.schema("Page", _page_schema())
    spec.components.security_scheme("bearer", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"})
    for code in COMMON_ERRORS:
        spec.components.response(f"Error{code}", _error_response(code))
    for path, service in sorted(app.services.items()):
        spec.tag({"name": path, "description": inspect.getdoc(type(service.object)) or path})
        _add_service(spec, service)
    document: dict[str, Any] = spec.to_dict()
    document["x-events"] = describe_events(app)
    return document


def describe_events(app: Feathers) -> dict[str, Any]:
    """What clients may hear over Socket.IO: `<path> <event>`, with the record and, if logged, its offset."""
    found: dict[str, Any] = {}
    for path, service in sorted(app.services.items()):
        for event in sorted(service.service_events):
            is_custom = event in service.events
            found[f"{path} {event}"] = {
                "description": f"A custom event of {path}." if is_custom else f"A record of {path} was {event}.",
                "logged": not is_custom and (service.events_from is not None or app.event_log is not None),
            }
    return found


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
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}} for name in in_path
    ]
    if method.name == "find":
        parameters += [_query_parameter(*entry) for entry in PAGING]
    elif "id" in method.arguments or method.name == "create":
        parameters.append(_query_parameter(*PAGING[3]))
    if method.name not in ("find", "get"):
        schema = {"type": "string", "maxLength": 200}
        parameters.append(
            {"name": "Idempotency-Key", "in": "header", "schema": schema, "description": "Carry this out once."}
        )
    status = method.status or (201 if method.creates else 200)
    operation: dict[str, Any] = {
        "tags": [service.path],
        "operationId": f"{service.path.replace('/', '_').replace(':', '')}.{method.name}",
        "summary": summary,
        "parameters": parameters,
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
        operation["requestBody"] = {
            "required": True,
            "content": {JSON: {"schema": _schema(spec, service, method.name) or _loose(method)}},
        }
    return operation


def _answer(spec: Spec, service: ServiceHandle, method: Method) -> dict[str, Any]:
    record = _schema(spec, service, f"{method.name}:result") or (
        _schema(spec, service, "record") if method.wire in service.methods.standard else None
    )
    schema: dict[str, Any] = record or {}
    if method.name == "find" and record is not None:
        page = {"allOf": [{"$ref": "#/components/schemas/Page"}, {"properties": {"data": {"items": record}}}]}
        schema = {"anyOf": [page, {"type": "array", "items": record}]}
    return {"description": "Done.", "content": {JSON: {"schema": schema}}}


def _schema(spec: Spec, service: ServiceHandle, name: str) -> dict[str, Any] | None:
    """A reference to a schema that was registered for this name, put among the components on first use."""
    schema = service.schemas.get(name)
    if schema is None:
        return None
    if isinstance(schema, dict):
        return schema
    # One schema may stand for several things; the first of them names its component.
    component = spec.named.setdefault(schema, re.sub(r"\W+", "_", f"{service.path}.{name}"))
    if component not in spec.components.schemas:
        spec.components.schema(component, schema=schema)
    return {"$ref": f"#/components/schemas/{component}"}


def _loose(method: Method) -> dict[str, Any]:
    one: dict[str, Any] = {"type": "object"}
    return {"anyOf": [one, {"type": "array", "items": one}]} if method.name == "create" else one


def _query_parameter(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    parameter: dict[str, Any] = {"name": name, "in": "query", "schema": schema, "description": description}
    if schema["type"] in ("object", "array"):
        parameter |= {"style": "deepObject", "explode": True}
    return parameter


def _page_schema() -> dict[str, Any]:
    count = {"type": "integer", "minimum": 0}
    return {
        "type": "object",
        "required": ["limit", "skip", "data"],
        "properties": {"total": count, "limit": count, "skip": count, "data": {"type": "array"}},
    }


def _error_response(code: int) -> dict[str, Any]:
    error = next(error for error in ERRORS.values() if error.code == code)
    example = {"name": error.name, "message": "…", "code": code, "className": error.class_name}
    schema = {"$ref": "#/components/schemas/Error"}
    return {
        "description": (inspect.getdoc(error) or error.name).partition(": ")[2] or error.name,
        "content": {JSON: {"schema": schema, "example": example}},
    }


def _braced(path: str) -> str:
    return re.sub(r":(\w+)", r"{\1}", path)


def _nested_name(schema: Any) -> str:
    """The component of a schema that is found inside another."""
    if isinstance(schema, str):
        return schema
    kind = schema if isinstance(schema, type) else type(schema)
    return re.sub(r"\W+", "_", f"{kind.__module__}.{kind.__qualname__}")
