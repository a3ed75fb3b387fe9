"""The one dispatcher: from what a client asked for to a method of a service with its arguments.

REST and Socket.IO differ in how they name things; from `Call` on they are the same.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agor_core.errors import BadRequest, MethodNotAllowed, NotFound
from agor_core.feathers.app import Feathers
from agor_core.feathers.channels import Connection
from agor_core.feathers.idempotency import Idempotency, caller_of, key_of
from agor_core.feathers.methods import STANDARD, Method
from agor_core.feathers.params import UNSET, HookContext, Params
from agor_core.feathers.routing import Match
from agor_core.feathers.service import ServiceHandle

# How many arguments follow the path before the query.
BEFORE_QUERY = {"find": 0, "get": 1, "create": 1, "update": 2, "patch": 2, "remove": 1}
NAMES = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "remove"}


@dataclass(slots=True)
class Call:
    """What is to be called, with which arguments; `query` only from a socket."""

    service: ServiceHandle
    method: Method
    route: dict[str, str]
    id: Any = UNSET
    data: Any = UNSET
    sub: Any = UNSET
    query: Any = None

    def run(self, params: Params, idempotency: Idempotency | None = None) -> Awaitable[HookContext]:
        """Carry it out; with an idempotency key, once."""
        if idempotency is None or self.method.reads:
            return self._run(params)
        key, params = key_of(params)
        if key is None:
            return self._run(params)
        scope = (caller_of(params), self.service.path, self.method.name)
        given = [None if part is UNSET else part for part in (self.id, self.data, self.sub)]
        said = [dict(self.route), *given, params.query]
        return idempotency.once(key, scope, said, lambda: self._run(params), lambda: self._admit(params))

    async def _admit(self, params: Params) -> None:
        """Raises NotAuthenticated for a token that has ended since; signing out, which ended it, may be repeated."""
        authentication = self.service.app.authentication
        if authentication is None or params.authentication is None or self.service.object is authentication:
            return
        await authentication.identify(params.authentication)

    def _run(self, params: Params) -> Awaitable[HookContext]:
        return self.service.run(self.method, params, id=self.id, data=self.data, sub=self.sub)


def socket_call(app: Feathers, name: str, arguments: Sequence[Any]) -> Call:
    """What a socket event asks for. `arguments`: path, the method's arguments, query.

    Raises NotFound, MethodNotAllowed, BadRequest, in this order.
    """
    path = arguments[0] if arguments else None
    if not isinstance(path, str):
        raise NotFound("Invalid service path")
    match = app.router.find(path)
    if match is None:
        raise NotFound(f"Service '{path}' not found")
    method, id, takes_data = _socket_method(match, name, path)
    given = list(arguments[1:])
    before_query = BEFORE_QUERY.get(name, 1)
    if len(given) > before_query + 1:
        raise BadRequest(f"Too many arguments for '{name}' method")
    call = Call(match.service, method, match.route)
    call.query = _query(given.pop() if len(given) > before_query else None)
    if match.tail:
        # `create`, `find` or `remove` on a path that names a custom method.
        if id is not None:
            call.id = id
        if takes_data and given:
            call.data = given[0]
        if "sub" in method.arguments:
            call.sub = given[0] if given else UNSET
        _drop_repeated_id(call)
    elif name in STANDARD:
        if "id" in method.arguments and given:
            call.id = given.pop(0)
        if "data" in method.arguments and given:
            call.data = given.pop(0)
    else:
        if given:
            call.data = given[0]
        _take_id_from_data(call)
    return _checked(call)


def rest_call(app: Feathers, verb: str, segments: Sequence[str], custom: str | None, data: Any) -> Call | None:
    """What a request asks for; None if the path leads nowhere. Raises MethodNotAllowed.

    `segments`: the path's, decoded. `custom`: the header X-Service-Method, which counts with POST only, but names no
    standard method with any verb. `data`: the body, UNSET for none.
    """
    match = app.router.match(segments)
    if match is None:
        return None
    if custom in STANDARD:
        named = custom if verb == "POST" else _rest_name(verb, has_id=bool(match.tail))
        raise MethodNotAllowed(f"Method `{named}` is not supported by this endpoint.")
    methods = match.service.methods
    tail = match.tail
    if len(tail) == 1 and verb == "POST" and custom is None and tail[0] in methods.collection:
        return _checked(Call(match.service, methods.collection[tail[0]], match.route, data=data))
    if len(tail) >= 2:
        return _rest_record_call(match, verb, data)
    if verb == "POST" and custom is not None:
        method = methods.collection.get(custom) or methods.record.get(custom, {}).get("write")
        if method is None:
            raise MethodNotAllowed(f"Method `{custom}` is not supported by this endpoint.")
        # As in Feathers, a method asked for by the header answers 200, whatever it makes.
        call = Call(match.service, replace(method, creates=False, status=None), match.route, data=data)
        if tail and "id" in method.arguments:
            call.id = tail[0]
            _drop_repeated_id(call)
        else:
            _take_id_from_data(call)
        return _checked(call)
    name = _rest_name(verb, has_id=bool(tail))
    standard = methods.standard.get(name)
    if standard is None:
        raise MethodNotAllowed(f"Method `{name}` is not supported by this endpoint.")
    call = Call(match.service, standard, match.route)
    if "id" in standard.arguments:
        call.id = tail[0] if tail else None
    if "data" in standard.arguments:
        call.data = data
    return call


def verbs_of(app: Feathers, segments: Sequence[str]) -> list[str]:
    """The verbs that a path answers, for the header `Allow`; none if it leads nowhere."""
    match = app.router.match(segments)
    if match is None:
        return []
    methods, tail = match.service.methods, match.tail
    found: dict[str, bool] = {}
    if not tail:
        # Custom methods are posted, with a header that names them.
        is_posted = "create" in methods.standard or bool(methods.collection) or bool(methods.record)
        found = {"GET": "find" in methods.standard, "POST": is_posted}
    elif len(tail) == 1:
        is_posted = "create" in methods.standard or tail[0] in methods.collection
        found = {"GET": "get" in methods.standard, "POST": is_posted, "PUT": "update" in methods.standard}
    else:
        kinds = methods.record.get(tail[1], {})
        found = {"GET": "read" in kinds, "POST": "write" in kinds} if len(tail) == 2 else {"DELETE": "remove" in kinds}
    if len(tail) < 2:
        found |= {"PATCH": "patch" in methods.standard, "DELETE": "remove" in methods.standard}
    verbs = [verb for verb, is_there in found.items() if is_there]
    return ["GET", "HEAD", *verbs[1:]] if verbs[:1] == ["GET"] else verbs


def socket_params(connection: Connection, call: Call) -> Params:
    """The params of a call on a connection; nothing of the client's data becomes one."""
    return Params(
        query=call.query,
        provider="socketio",
        route=call.route,
        headers=connection.headers,
        connection=connection,
        user=connection.user,
        authentication=connection.authentication,
    )


def _socket_method(match: Match, name: str, path: str) -> tuple[Method, str | None, bool]:
    """The method, the record's id if the path has it, and whether it takes data."""
    methods = match.service.methods
    tail = match.tail
    if not tail:
        found = methods.standard.get(name) or methods.collection.get(name) or methods.record.get(name, {}).get("write")
        if found is None:
            raise MethodNotAllowed(f"Method '{name}' not allowed on service '{path}'")
        return found, None, "data" in found.arguments
    if len(tail) == 1 and tail[0] in methods.collection:
        if name == "create":
            return methods.collection[tail[0]], None, True
        raise MethodNotAllowed(f"Method '{name}' not allowed on service '{path}'")
    if len(tail) == 2 and tail[1] in methods.record:
        kind = {"find": "read", "create": "write", "remove": "remove"}.get(name, "")
        nested = methods.record[tail[1]].get(kind)
        if nested is None:
            raise MethodNotAllowed(f"Method '{name}' not allowed on service '{path}'")
        return nested, tail[0], "data" in nested.arguments
    raise NotFound(f"Service '{path}' not found")


def _rest_record_call(match: Match, verb: str, data: Any) -> Call | None:
    id, name, *rest = match.tail
    kinds = match.service.methods.record.get(name)
    if kinds is None:
        return None
    kind = {"GET": "read", "POST": "write"}.get(verb) if not rest else {"DELETE": "remove"}.get(verb)
    method = kinds.get(kind or "")
    if method is None:
        raise MethodNotAllowed(f"Method {verb} not allowed")
    call = Call(match.service, method, match.route, id=id)
    if "data" in method.arguments:
        call.data = data
        _drop_repeated_id(call)
    if "sub" in method.arguments:
        call.sub = rest[0]
    return call


def _rest_name(verb: str, *, has_id: bool) -> str:
    if verb in ("GET", "HEAD"):
        return "get" if has_id else "find"
    name = NAMES.get(verb)
    if name is None:
        raise MethodNotAllowed(f"Method {verb} not allowed")
    return name


def _take_id_from_data(call: Call) -> None:
    """A method of one record, asked for by its name alone, has the record's id in its data."""
    if "id" not in call.method.arguments:
        return
    field = call.service.id_field
    if not isinstance(call.data, dict) or call.data.get(field) is None:
        raise BadRequest(f"'{call.method.wire}' needs the record's id as '{field}' in its data")
    call.id = call.data[field]
    call.data = {key: value for key, value in call.data.items() if key != field}


def _drop_repeated_id(call: Call) -> None:
    """The id is in the path; the same in the data once more says nothing new."""
    field = call.service.id_field
    if isinstance(call.data, dict) and call.id is not UNSET and call.data.get(field, UNSET) == call.id:
        call.data = {key: value for key, value in call.data.items() if key != field}


def _query(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        # Taken for an empty query, as Feathers does, this would mean "all".
        raise BadRequest("the query must be an object")
    return value


def _checked(call: Call) -> Call:
    # The standard methods say themselves that there is no record with such an id.
    if call.method.wire not in STANDARD and isinstance(call.id, dict | list | bool):
        raise BadRequest("an id is text or a number")
    return call
