"""The services of the conformance server that need no sign-in: people, echo, errors, hooked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from agor_core.errors import (
    ERRORS,
    BadRequest,
    Conflict,
    Forbidden,
    GeneralError,
    ServiceError,
    Unavailable,
)
from agor_core.feathers import Feathers, HookContext, MemoryService, Params
from agor_core.feathers.coerce import boolean, number, typed_query
from agor_core.feathers.memory import MemoryStore

LONGEST_DELAY_MS = 2000


def add_people(app: Feathers, id_field: str) -> None:
    """One store, five services on it, which differ in paging and in what they take at once."""
    store = MemoryStore()
    several = ("create", "patch", "remove")
    variants: dict[str, dict[str, Any]] = {
        "people": {},
        "people-multi": {"multi": several},
        "people-paged": {"paginate": {"default": 1, "max": 2}},
        "people-paged3": {"paginate": {"default": 3}},
        "people-paged10": {"multi": several, "paginate": {"default": 10, "max": 100}},
    }
    types = {id_field: number, "age": number, "created": boolean}
    for path, settings in variants.items():
        service = MemoryService(id_field, store=store, coerce=lambda query: typed_query(query, types), **settings)
        app.use(path, service)


class Echo:
    """Answers with what arrived."""

    def __init__(self, app: Feathers, path: str) -> None:
        self._app = app
        self._path = path

    async def find(self, params: Params) -> Any:
        """What arrived."""
        return self._seen("find", params)

    async def get(self, id: Any, params: Params) -> Any:
        """What arrived."""
        return self._seen("get", params, id=id)

    async def create(self, data: Any, params: Params) -> Any:
        """What arrived, after the delay that the data asks for."""
        return await self._later("create", data, params)

    async def update(self, id: Any, data: Any, params: Params) -> Any:
        """What arrived, after the delay that the data asks for."""
        return await self._later("update", data, params, id=id)

    async def patch(self, id: Any, data: Any, params: Params) -> Any:
        """What arrived, after the delay that the data asks for."""
        return await self._later("patch", data, params, id=id)

    async def remove(self, id: Any, params: Params) -> Any:
        """What arrived."""
        return self._seen("remove", params, id=id)

    async def ping(self, data: Any, params: Params) -> Any:
        """What arrived, after the delay that the data asks for."""
        return await self._later("ping", data, params)

    async def announce(self, data: Any, params: Params) -> Any:
        """Send the event `notice` with exactly this data."""
        self._app.service(self._path).emit("notice", data)
        return {"announced": True}

    async def internal(self, data: Any, params: Params) -> Any:
        """Not offered to clients."""
        return {"leaked": True}

    async def _later(self, method: str, data: Any, params: Params, **id: Any) -> Any:
        delay = data.get("delay") if isinstance(data, dict) else None
        if isinstance(delay, int | float) and not isinstance(delay, bool):
            await asyncio.sleep(min(max(delay, 0), LONGEST_DELAY_MS) / 1000)
        seen = self._seen(method, params, **id)
        if params.extra["data_given"]:
            seen["data"] = data
        return seen

    def _seen(self, method: str, params: Params, **id: Any) -> dict[str, Any]:
        seen: dict[str, Any] = {"method": method}
        if "id" in id:
            seen |= {"id": id["id"], "idType": _type_name(id["id"])}
        return seen | {"query": params.query, "provider": params.provider, "route": dict(params.route)}


def _type_name(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "string" if isinstance(value, str) else "object"


def _note_given(context: HookContext) -> None:
    context.params.extra["data_given"] = "data" in context.given


def add_echo(app: Feathers, path: str) -> None:
    """An echo service under `path`."""
    methods = ["find", "get", "create", "update", "patch", "remove", "ping", "announce"]
    app.use(path, Echo(app, path), methods=methods, events=["notice"]).hooks(before={"all": _note_given})


class Teapot(ServiceError):
    """An error of the application's own."""

    code, name, class_name = 418, "Teapot", "teapot"


class Errors:
    """Throws what the id names."""

    async def get(self, id: Any, params: Params) -> Any:
        """Throws."""
        if isinstance(id, str) and id in ERRORS:
            raise ERRORS[id](f"failed with {id}", data={"detail": {"id": id}, "errors": {"field": "is wrong"}})
        if id == "Teapot":
            raise Teapot("custom failure", data={"pot": True})
        if id == "Plain":
            raise RuntimeError("plain failure")
        raise BadRequest("no such error")


class Hooked:
    """A service to watch hooks with."""

    async def create(self, data: Any, params: Params) -> Any:
        """The data with a secret, or what its mode asks for."""
        return self._answer(data, params)

    async def patch(self, id: Any, data: Any, params: Params) -> Any:
        """As create."""
        return self._answer(data, params)

    def _answer(self, data: Any, params: Params) -> Any:
        trace_of(params).append("method")
        match mode_of(data):
            case "fail":
                raise BadRequest("the method failed")
            case "swallow":
                raise GeneralError("to be swallowed")
            case "replace":
                raise GeneralError("to be replaced")
            case "null":
                return None
        if isinstance(data, list):
            return [_record(item) for item in data]
        return _record(data)


def _record(data: Any) -> dict[str, Any]:
    given = data if isinstance(data, dict) else {}
    # JavaScript leaves out what is undefined.
    return {key: given[key] for key in ("mode", "text") if key in given} | {"secret": "not for clients"}


def mode_of(data: Any) -> Any:
    """What the data, or the first of several, asks for."""
    if isinstance(data, list):
        data = data[0] if data else None
    return data.get("mode") if isinstance(data, dict) else None


def trace_of(params: Params) -> list[str]:
    """The names of the hooks of this call so far."""
    trace: list[str] = params.extra.setdefault("trace", [])
    return trace


Hook = Callable[[HookContext], None]
Around = Callable[[HookContext, Callable[[], Awaitable[None]]], Awaitable[None]]


def _named(name: str) -> Hook:
    def hook(context: HookContext) -> None:
        trace_of(context.params).append(name)

    return hook


def _around(name: str) -> Around:
    async def hook(context: HookContext, call_next: Callable[[], Awaitable[None]]) -> None:
        trace = trace_of(context.params)
        trace.append(f"{name}:in")
        try:
            await call_next()
        except Exception:
            trace.append(f"{name}:threw")
            raise
        trace.append(f"{name}:out")

    return hook


async def _show_trace(context: HookContext, call_next: Callable[[], Awaitable[None]]) -> None:
    await call_next()
    if mode_of(context.data) in ("trace", "skip"):
        trace = [*trace_of(context.params), "app-around:out"]
        results = context.result if isinstance(context.result, list) else [context.result]
        for result in results:
            result["trace"] = trace


def _before(context: HookContext) -> None:
    match mode_of(context.data):
        case "skip":
            context.result = {"skipped": True}
        case "change":
            for item in context.data if isinstance(context.data, list) else [context.data]:
                item["text"] = "changed by a before hook"
        case "before-fail":
            raise Forbidden("refused by a before hook")


def _after(context: HookContext) -> None:
    match mode_of(context.data):
        case "dispatch":
            context.dispatch = (
                [_public(item) for item in context.result]
                if isinstance(context.result, list)
                else _public(context.result)
            )
        case "silent":
            context.event = None
        case "rename":
            context.event = "updated"
        case "status":
            context.http.status = 202
        case "header":
            context.http.headers["X-Conformance"] = "yes"
        case "location":
            context.http.location = "/elsewhere"
        case "after-fail":
            raise Conflict("refused by an after hook")


def _public(result: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in result.items() if key != "secret"}


def _on_error(context: HookContext) -> None:
    match mode_of(context.data):
        case "swallow":
            context.result = {"swallowed": getattr(context.error, "message", str(context.error))}
        case "replace":
            context.error = Unavailable("replaced by an error hook")


def _app_error(context: HookContext) -> None:
    trace_of(context.params).append("app-error")
    if mode_of(context.data) == "fail" and isinstance(context.error, ServiceError):
        context.error.data = {**(context.error.data or {}), "trace": list(trace_of(context.params))}  # type: ignore[dict-item]  # ours has no list


def add_hooked(app: Feathers) -> None:
    """The service `hooked` with its hooks, and the app's, which count for this service only."""
    app.use("hooked", Hooked()).hooks(
        around={"create": [_around("service-around")]},
        before={"all": [_named("service-before-all")], "create": [_named("service-before")]},
        after={"all": [_named("service-after-all")], "create": [_named("service-after")]},
        error={"all": [_named("service-error-all")], "create": [_named("service-error")]},
    ).hooks(before={"all": [_before]}, after={"all": [_after]}, error={"all": [_on_error]})
    app.hooks(
        around=[_only_hooked_around(_around("app-around")), _only_hooked_around(_show_trace)],
        before=[_only_hooked(_named("app-before"))],
        after=[_only_hooked(_named("app-after"))],
        error=[_only_hooked(_app_error)],
    )


def _only_hooked(hook: Hook) -> Hook:
    def run(context: HookContext) -> None:
        if context.path == "hooked":
            hook(context)

    return run


def _only_hooked_around(hook: Around) -> Around:
    async def run(context: HookContext, call_next: Callable[[], Awaitable[None]]) -> None:
        if context.path == "hooked":
            await hook(context, call_next)
        else:
            await call_next()

    return run
