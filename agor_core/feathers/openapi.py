"""The API document: OpenAPI 3.1 for every service and method, from what was registered and its marshmallow schemas."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from typing import Any

from agor_core.errors import ERRORS, ServiceError
from agor_core.feathers.app import Feathers
from agor_core.feathers.components import Spec
from agor_core.feathers.describe import allows_null, list_of, page_of
from agor_core.feathers.methods import Method
from agor_core.feathers.parameters import parameters_of
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

# What any outside call may end with, beside its own errors.
MESSAGES = {
    400: "validation failed",
    401: "Not authenticated",
    403: "you may not do this",
    404: "No record found for id '1'",
    405: "Method `update` is not supported by this endpoint.",
    408: "the body did not arrive within 60 s",
    409: "this idempotency key was used with other data",
    410: "these events are no longer kept",
    413: "the body is larger than 10000000 bytes",
    422: "this cannot be done",
    429: "too many failed attempts to sign in",
    500: "something went wrong; the log has it as 4f1c9a0b7d21",
    503: "the server is stopping",
}
COMMON_ERRORS = tuple(MESSAGES)


# Every call may end with these: what is asked for is wrong, who asks may not, the server fails or stops.
ALWAYS = (400, 401, 403, 500, 503)
# With a body: it comes too slowly, or is too large.
OF_BODIES = (408, 413)
# With an idempotency key that was used with other data.
OF_WRITES = (409,)

# "Raises NotFound where …" is for who reads the code; a caller sees the error itself.
_RAISES = re.compile(r"\b[Rr]aises ([A-Z]\w+)")


def build_document(
    app: Feathers, title: str, version: str, description: str = "", *, is_idempotent: bool = True
) -> dict[str, Any]:
    """The OpenAPI document of an application as it is now. `is_idempotent`: whether idempotency keys count."""
    spec = Spec(title, version, description)
    spec.components.schema("Error", ERROR_SCHEMA)
    spec.components.schema("Page", _page_schema())
    spec.components.security_scheme("bearer", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"})
    for code in COMMON_ERRORS:
        spec.components.response(f"Error{code}", _error_response(code))
    for path, service in sorted(app.services.items()):
        about = service.schemas.get("about") or inspect.getdoc(type(service.object)) or path
        spec.tag({"name": path or "/", "description": _for_callers(about)})
        _add_service(_Paths(spec, service, is_idempotent))
    document: dict[str, Any] = spec.to_dict()
    document["externalDocs"] = {"url": "/asyncapi.json", "description": "What is announced over Socket.IO."}
    return document


@dataclass(frozen=True, slots=True)
class _Paths:
    """Where the operations of one service are written down."""

    spec: Spec
    service: ServiceHandle
    is_idempotent: bool

    def add(self, path: str, method: Method, verb: str, in_path: list[str], *, of_many: bool = False) -> None:
        """One operation; `of_many`: on all records that a query finds, in place of one."""
        self.spec.path(path=path, operations={verb: _operation(self, method, in_path, of_many=of_many)})


def _add_service(paths: _Paths) -> None:
    service = paths.service
    base = "/" + re.sub(r":(\w+)", r"{\1}", service.path)
    below = base.rstrip("/")
    route = re.findall(r":(\w+)", service.path)
    methods = service.methods
    for name, verb in {"find": "get", "create": "post"}.items():
        if name in methods.standard:
            paths.add(base, methods.standard[name], verb, route)
    for name, verb in {"get": "get", "update": "put", "patch": "patch", "remove": "delete"}.items():
        if name in methods.standard:
            paths.add(f"{below}/{{id}}", methods.standard[name], verb, [*route, "id"])
            if name in ("patch", "remove") and "multi" in service.schemas and _takes_several(service, name):
                paths.add(base, methods.standard[name], verb, route, of_many=True)
    for name, method in methods.collection.items():
        paths.add(f"{below}/{name}", method, "post", route)
    for name, kinds in methods.record.items():
        for kind, method in kinds.items():
            if kind == "remove":
                paths.add(f"{below}/{{id}}/{name}/{{sub}}", method, "delete", [*route, "id", "sub"])
            else:
                paths.add(f"{below}/{{id}}/{name}", method, {"read": "get", "write": "post"}[kind], [*route, "id"])


def _operation(paths: _Paths, method: Method, in_path: list[str], *, of_many: bool) -> dict[str, Any]:
    spec, service = paths.spec, paths.service
    docstring = inspect.getdoc(getattr(type(service.object), method.name, None)) or method.name
    summary, _, rest = _for_callers(service.schemas.get(f"{method.name}:about") or docstring).partition("\n")
    status = method.status or (201 if method.creates else 200)
    answer, may_be_null = _answer(spec, service, method, of_many=of_many)
    if of_many and f"{method.name}:result" not in service.schemas:
        summary = f"{summary.rstrip('.')}: each that the query finds."
    name = (service.path or "root").replace("/", "_").replace(":", "")
    operation: dict[str, Any] = {
        "tags": [service.path or "/"],
        "operationId": f"{name}.{method.name}{'_many' if of_many else ''}",
        "summary": summary,
        "parameters": parameters_of(spec, service, method, in_path, paths.is_idempotent, of_many=of_many),
        "responses": {
            str(status): answer,
            **({"204": {"description": "The answer is null."}} if may_be_null else {}),
            **{str(code): {"$ref": f"#/components/responses/Error{code}"} for code in _errors(service, method)},
        },
        "security": [{"bearer": []}, {}],
    }
    if rest.strip():
        operation["description"] = rest.strip()
    if "data" in method.arguments:
        taken = spec.taken(service, method)
        example = _example(spec, service, method.name, taken, sent=True)
        # A method that takes `{}` takes nothing as well.
        operation["requestBody"] = {"required": example != {}, "content": {JSON: {"schema": taken, "example": example}}}
    return operation


def _errors(service: ServiceHandle, method: Method) -> list[int]:
    own = service.schemas.get(f"{method.name}:errors")
    found = {*ALWAYS, *(COMMON_ERRORS if own is None else own)}
    found.update(OF_BODIES if "data" in method.arguments else ())
    found.update(OF_WRITES if not method.reads else ())
    return sorted(found)


def _answer(spec: Spec, service: ServiceHandle, method: Method, *, of_many: bool) -> tuple[dict[str, Any], bool]:
    """The answer when all went well, and whether it may be null instead."""
    is_standard = method.wire in service.methods.standard
    whole = spec.registered(service, f"{method.name}:result")
    record = spec.record(service, method.name) if is_standard else None
    schema: dict[str, Any] = whole or record or {}
    # Where no schema says what a record is, its id is all that is known of it.
    made_up: Any = None if record is not None or not is_standard else {service.id_field: 1}
    if whole is None and method.name == "find" and is_standard:
        schema = _found(service, record)
        made_up = made_up and (_page(made_up) if service.schemas.get("pages", True) else [made_up])
    elif whole is None and is_standard and of_many:
        schema, made_up = list_of(schema), made_up and [made_up]
    elif whole is None and method.name == "create" and is_standard and _takes_several(service, method.name):
        schema = {"anyOf": [schema, list_of(schema)]} if schema else {}
    example = made_up if whole is None and made_up else _example(spec, service, f"{method.name}:result", schema)
    answer = {"description": "Done.", "content": {JSON: {"schema": schema, "example": example}}}
    return answer, allows_null(whole) or (whole is None and not is_standard)


def _found(service: ServiceHandle, record: dict[str, Any] | None) -> dict[str, Any]:
    """The schema of what `find` answers: a page, a list, or either where the service does not say which."""
    item = record or {}
    if "pages" not in service.schemas:
        return {"anyOf": [page_of(item), list_of(item)]}
    return page_of(item) if service.schemas["pages"] else list_of(item)


def _page(record: Any) -> dict[str, Any]:
    return {"total": 1, "limit": 10, "skip": 0, "data": [record]}


def _takes_several(service: ServiceHandle, name: str) -> bool:
    multi = service.schemas.get("multi", True)
    return multi if isinstance(multi, bool) else name in multi


def _example(spec: Spec, service: ServiceHandle, name: str, schema: dict[str, Any], *, sent: bool = False) -> Any:
    """The example that was registered with a service, or one made from the schema."""
    own = service.schemas.get(f"{name}:example")
    return spec.example(schema, sent=sent) if own is None else own


def _for_callers(text: str) -> str:
    return _RAISES.sub(r"`\1`", text)


def _page_schema() -> dict[str, Any]:
    count = {"type": "integer", "minimum": 0}
    return {
        "type": "object",
        "required": ["limit", "skip", "data"],
        "properties": {
            "total": {**count, "description": "How many there are on all pages.", "examples": [1]},
            "limit": {**count, "examples": [10]},
            "skip": {**count, "examples": [0]},
            "data": {"type": "array"},
        },
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
