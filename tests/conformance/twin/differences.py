"""Where ours is deliberately not Feathers: what each of the two answers, by the row of the README that says why.

An outcome is written as far as it matters: an object by some of its keys, `ANY` for whatever it is.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import brotli
import jwt

from agor_core.feathers.querystring import format_query
from tests.conformance.accounts import SETTINGS
from tests.conformance.raw import CLOSED
from tests.conformance.twin.both import (
    DISCONNECTED,
    EVERYTHING,
    NO_ANSWER,
    STILL_OPEN,
    Call,
    Ending,
    Frames,
    Rest,
    Said,
    SignIn,
    Step,
    Unread,
)
from tests.conformance.twin.scripts import ANN, SIGN_IN, TEXT, THREE, USER, gzipped, made, packed, socket


class _Any:
    def __repr__(self) -> str:
        return "ANY"


ANY = _Any()


@dataclass(frozen=True)
class Difference:
    """What the last step of a script comes to here and there; and, where they differ in those, the events."""

    row: str
    script: Sequence[Step]
    ours: Any
    theirs: Any
    our_events: Any = ANY
    their_events: Any = ANY
    # Here on a server that takes whole text only, as is usual; the fixture asks for more.
    is_strict: bool = False


def fits(expected: Any, actual: Any) -> bool:
    """Whether an outcome is as it is written."""
    if isinstance(expected, _Any):
        return True
    if isinstance(expected, Mapping):
        return isinstance(actual, dict) and all(
            key in actual and fits(part, actual[key]) for key, part in expected.items()
        )
    if isinstance(expected, list):
        return isinstance(actual, list) and len(expected) == len(actual) and all(map(fits, expected, actual))
    return type(expected) is type(actual) and bool(expected == actual)


def _token(*, header: Mapping[str, Any] | None = None, **claims: Any) -> str:
    now = int(time.time())
    usual = {"aud": SETTINGS.audience, "iss": SETTINGS.issuer, "iat": now, "exp": now + 86_400, "sub": "1", "jti": "x"}
    headers = {"typ": "access", **(header or {})}
    return jwt.encode({**usual, **claims}, SETTINGS.secret, algorithm="HS256", headers=headers)


def _as(token: str, scheme: str = "Bearer") -> dict[str, str]:
    return {"Authorization": f"{scheme} {token}"}


def _got(result: Any) -> list[Any]:
    return [None, result]


def _refused(name: str) -> list[Any]:
    return [{"name": name}]


def _http(status: int, body: Any = ANY) -> dict[str, Any]:
    return {"status": status, "body": body}


NEW_USER = Rest("POST", "/users", USER)
PLAIN_TEXT = {"Content-Type": "text/plain"}
STACK = [{"message": ANY, "stack": ANY}]
MANY = [str(number) for number in range(22)]
NULL_LOGIN = {**SIGN_IN, "email": {"$ne": None}}
MANY_LISTS = b'{"a":[%b0]}' % (b"[]," * 500_000)
DEEP = '{"a":' + "[" * 300 + "]" * 300 + "}"

UNKNOWN = "a call with an unknown method is never answered"
JSON_500 = "broken JSON and JSON scalars are 500"
UNEXPECTED = "an unexpected exception shows message and stack"
UNDECODED = "ids and route parameters are not URL-decoded"
LISTS = "`$in` with over 20 values breaks over REST; lists below the fifth bracket too"
NOTHING = "`[]` and null do not survive REST"
NO_OBJECT = "a query that is no object is `{}`"
OPERATOR_LOGIN = '`{"email": {"$ne": null}}` logs in'
SPREAD = "null, text or numbers as a record's data are spread into one, or a 500"
INNER_AND = "`$and` only at the top of a query"
NO_LIST = "an operator without its list (`$or=5`), a field and operators mixed: 500"
EMPTY_LIST = (
    "`$or: []`, `$and: []`, `$or` below a field, `$sort: null` or by `a.b` where there is no `a`, `$select: 5`: 500"
)
UNDEFINED = "an id that is left out is undefined"
TEXTS = "`tags.length` and `name.0` are fields; `$gt` compares lists and objects as texts"
CLIENT_FILE = "`/socket.io/socket.io.js` is the client"
SILENT = "`people/1/fork`, an id of `[1]`, `$limit[$foo]`: silently something else"
CRIT = "a token with an unknown critical header (`crit`) is taken"
PASSWORD = "a password that is no text is a 500"
GONE = "a token of a user that is gone is a 404"
SCHEME = "`XBearerY` is a scheme"
REMOVED = "a removed user's connections live on"
NULL_EVENTS = "events of a list carry null once dispatch differs"
HTTP = "`context.http` exists over REST only"
NEGATIVE = "a negative `$skip` slices from the end; `$select=name` gives nothing"
SUB_PATH = "`people/1` is taken as the path `people` on a socket"
NESTED = "5,000 nested lists make a memory service unreadable"
CUSTOM = "custom methods by header or socket only"
OTHER_TYPE = "body of another type than JSON is taken as text"
JSONP = "JSONP in polling"
PROTOTYPE = "`constructor` and the like: dropped from a query string, 500 as path, id, or `__proto__` in a body"
EXPIRED = "when a token expires the client is disconnected for good"
HALF = "text with half a surrogate pair is taken"
SIGNED_OUT = "signing out leaves the token valid"
FALSY = 'results `0`, `false`, `""` are 204'
BINARY = "binary packets are taken"
ORDER = "a memory service lists integer ids in ascending order, whenever they were made"
PUBLISHER = "a publisher that throws is silent"
PACKING = "a body that is packed wrongly or in an unknown way is 500; what follows it is dropped"
CAPITALS = "`Content-Encoding: GZIP` is unknown"
TOO_LARGE = "a body over the limit is 500"
QUEUES = "queues towards slow readers grow without bound"

DIFFERENCES: Sequence[Difference] = (
    *(
        Difference(UNKNOWN, [Call(name, ("echo", {}), may_be_ignored=True)], _refused("MethodNotAllowed"), NO_ANSWER)
        for name in ("nope", "internal", "toString")
    ),
    *(
        Difference(
            JSON_500, [Rest("POST", "/echo", body)], _http(400, {"name": "BadRequest"}), _http(500, {"message": ANY})
        )
        for body in ("{", '"x"', "5", '{"a":NaN}')
    ),
    Difference(
        UNEXPECTED,
        [Rest("GET", "/errors/Plain")],
        _http(500, {"name": "GeneralError"}),
        _http(500, {"message": "plain failure"}),
    ),
    Difference(UNEXPECTED, [socket("get", "errors", "Plain", {})], _refused("GeneralError"), STACK),
    *(
        Difference(UNDECODED, [Rest("GET", path)], _http(200, ours), _http(200, theirs))
        for path, ours, theirs in (
            ("/echo/a%20b", {"id": "a b"}, {"id": "a%20b"}),
            ("/echo/a%2Fb", {"id": "a/b"}, {"id": "a%2Fb"}),
            ("/rooms/a%20b/echo", {"route": {"roomId": "a b"}}, {"route": {"roomId": "a%20b"}}),
        )
    ),
    Difference(
        LISTS,
        [Rest("GET", f"/echo?{format_query({'a': {'$in': MANY}})}")],
        _http(200, {"query": {"a": {"$in": MANY}}}),
        _http(200, {"query": {"a": {"$in": {"0": "0", "21": "21"}}}}),
    ),
    Difference(
        LISTS,
        [Rest("GET", f"/echo?{format_query({'$and': [{'$or': [{'b': {'$in': [1]}}]}]})}")],
        _http(200, {"query": {"$and": [{"$or": [{"b": {"$in": ["1"]}}]}]}}),
        _http(200, {"query": {"$and": [{"$or": [{"b": {"$in": {"[0]": "1"}}}]}]}}),
    ),
    Difference(
        NOTHING, [Rest("GET", "/echo?a[]")], _http(200, {"query": {"a": []}}), _http(200, {"query": {"a": [""]}})
    ),
    Difference(
        NOTHING,
        [Rest("GET", "/echo?$query=%7B%22a%22%3Anull%7D")],
        _http(200, {"query": {"a": None}}),
        _http(200, {"query": {"$query": '{"a":null}'}}),
    ),
    *(
        Difference(NO_OBJECT, [socket("find", "echo", query)], _refused("BadRequest"), _got({"query": taken}))
        for query, taken in (("x", {"0": "x"}), (5, {}), ([1], {"0": 1}))
    ),
    Difference(
        OPERATOR_LOGIN,
        [NEW_USER, Rest("POST", "/authentication", NULL_LOGIN)],
        _http(401, {"message": "Invalid login"}),
        _http(201),
    ),
    Difference(
        SPREAD, [socket("create", "people", "ab", {})], _refused("BadRequest"), _got({"0": "a", "1": "b"}), [], [ANY]
    ),
    Difference(SPREAD, [socket("create", "people", 5, {})], _refused("BadRequest"), _got({"id": 1}), [], [ANY]),
    Difference(SPREAD, [socket("create", "people", None, {})], _refused("BadRequest"), STACK),
    Difference(SPREAD, [Rest("POST", "/people")], _http(400), _http(500)),
    Difference(
        INNER_AND,
        [*made(*THREE), socket("find", "people", {"$or": [{"$and": [{"name": "Ann"}, {"age": 30}]}]})],
        _got([{"name": "Ann"}]),
        _refused("BadRequest"),
    ),
    Difference(
        INNER_AND,
        [*made(*THREE), socket("find", "people", {"$and": [{"$and": [{"name": "Ann"}]}]})],
        _got([{"name": "Ann"}]),
        _refused("BadRequest"),
    ),
    Difference(NO_LIST, [*made(ANN), socket("find", "people", {"$or": 5})], _refused("BadRequest"), STACK),
    Difference(NO_LIST, [*made(ANN), Rest("GET", "/people?$or=5")], _http(400), _http(500)),
    Difference(
        NO_LIST, [*made(ANN), socket("find", "people", {"age": {"$gt": 1, "x": 2}})], _refused("BadRequest"), STACK
    ),
    Difference(EMPTY_LIST, [*made(ANN), socket("find", "people", {"$or": []})], _got([]), STACK),
    Difference(EMPTY_LIST, [*made(ANN), socket("find", "people", {"$and": []})], _got([{"name": "Ann"}]), STACK),
    Difference(
        EMPTY_LIST,
        [*made(ANN), socket("find", "people", {"age": {"$or": [{"$gt": 1}]}})],
        _got([{"name": "Ann"}]),
        STACK,
    ),
    Difference(EMPTY_LIST, [*made(ANN), socket("find", "people", {"$sort": None})], _got([{"name": "Ann"}]), STACK),
    Difference(EMPTY_LIST, [*made(ANN), socket("find", "people", {"$select": 5})], _got([{"name": "Ann"}]), STACK),
    Difference(
        EMPTY_LIST,
        [*made(ANN, {"a": {"b": 1}}), socket("find", "people", {"$sort": {"a.b": 1}})],
        _got([{"name": "Ann"}, {"a": {"b": 1}}]),
        STACK,
    ),
    Difference(
        NO_LIST, [*made(ANN), socket("find", "people", {"age": {"$in": [{"$gt": 1}]}})], _refused("BadRequest"), STACK
    ),
    *(
        Difference(UNDEFINED, [socket(method, "echo")], _refused("NotFound"), _got({"idType": "undefined"}))
        for method in ("get", "update", "patch", "remove")
    ),
    *(
        Difference(TEXTS, [*made({"tags": ["a", "b"]}), socket("find", "people", query)], _got([]), _got([ANY]))
        for query in (
            {"tags.length": 2},
            {"tags.0.0": "a"},
            {"tags": {"$gt": ["a"]}},
            {"tags": {"$gte": ["a", "b"]}},
        )
    ),
    Difference(SILENT, [*made(ANN), socket("get", "people", [1], {})], _refused("NotFound"), _got({"name": "Ann"})),
    Difference(SILENT, [*made(ANN), Rest("GET", "/people?$limit[$foo]=1")], _http(400), _http(200, [{"name": "Ann"}])),
    Difference(
        CRIT,
        [NEW_USER, Rest("GET", "/users/1", headers=_as(_token(header={"crit": ["odd"], "odd": 1})))],
        _http(401, {"message": "invalid token"}),
        _http(200),
    ),
    *(
        Difference(
            PASSWORD,
            [NEW_USER, Rest("POST", "/authentication", {**SIGN_IN, "password": password})],
            _http(401, {"message": "Invalid login"}),
            _http(500),
        )
        for password in (5, {"a": 1})
    ),
    Difference(GONE, [Rest("GET", "/users", headers=_as(_token(sub="99")))], _http(401), _http(404)),
    Difference(SCHEME, [NEW_USER, Rest("GET", "/users/1", headers=_as(_token(), "XBearerY"))], _http(401), _http(200)),
    Difference(
        REMOVED,
        [
            NEW_USER,
            socket("create", "authentication", SIGN_IN, {}),
            socket("remove", "users", 1, {}),
            socket("find", "secrets", {}),
            Ending(limit_s=5.0),
        ],
        CLOSED,
        STILL_OPEN,
    ),
    Difference(
        NULL_EVENTS,
        [
            socket("create", "hooked", [{"mode": "dispatch", "text": "a"}, {"mode": "x", "text": "b"}], {}),
            socket("find", "echo", {}),
        ],
        ANY,
        ANY,
        [["hooked created", {"mode": "dispatch", "text": "a"}], ["hooked created", {"mode": "x", "text": "b"}]],
        [["hooked created", None], ["hooked created", None]],
    ),
    *(
        Difference(HTTP, [socket("create", "hooked", {"mode": mode}, {})], _got({"mode": mode}), STACK)
        for mode in ("status", "header", "location")
    ),
    Difference(
        NEGATIVE,
        [*made(*THREE), socket("find", "people-paged", {"$skip": -1})],
        _got({"skip": 0, "data": [{"name": "Ann"}]}),
        _got({"skip": -1, "data": [{"name": "Carl"}]}),
    ),
    Difference(
        NEGATIVE, [*made(ANN), socket("find", "people", {"$select": "name"})], _got([{"name": "Ann"}]), _got([{}])
    ),
    Difference(SUB_PATH, [*made(ANN), socket("find", "people/1", {})], _refused("NotFound"), _got([{"name": "Ann"}])),
    Difference(NESTED, [Rest("POST", "/people", DEEP)], _http(400), _http(201)),
    Difference(NESTED, [Rest("POST", "/people", '{"a":1e999}')], _http(400), _http(201, {"a": None})),
    Difference(
        NESTED,
        # A service that answers with little.
        [Rest("POST", "/hooked", gzipped(MANY_LISTS), {"Content-Encoding": "gzip"})],
        _http(400, {"name": "BadRequest"}),
        _http(201),
    ),
    Difference(
        CUSTOM, [Rest("POST", "/echo/ping", {"a": 1})], _http(200, {"method": "ping"}), _http(201, {"method": "create"})
    ),
    Difference(
        CUSTOM, [socket("create", "echo/ping", {"a": 1}, {})], _got({"method": "ping"}), _got({"method": "create"})
    ),
    Difference(
        OTHER_TYPE, [Rest("POST", "/people", '{"a":1}', PLAIN_TEXT)], _http(400), _http(201, {"0": "{", "1": '"'})
    ),
    Difference(CLIENT_FILE, [Rest("GET", "/socket.io/socket.io.js")], _http(404, {"name": "NotFound"}), _http(200)),
    Difference(JSONP, [Rest("GET", "/socket.io/?EIO=4&transport=polling&j=0")], _http(400), _http(200)),
    Difference(
        PROTOTYPE,
        [Rest("GET", "/echo?constructor[x]=1")],
        _http(200, {"query": {"constructor": {"x": "1"}}}),
        _http(200, {"query": {}}),
    ),
    Difference(
        PROTOTYPE,
        [Rest("POST", "/echo", '{"__proto__":{"a":1}}')],
        _http(201, {"data": {"__proto__": {"a": 1}}}),
        _http(500),
    ),
    Difference(PROTOTYPE, [socket("find", "constructor", {})], _refused("NotFound"), STACK),
    Difference(PROTOTYPE, [*made(ANN), socket("get", "people", "constructor", {})], _refused("NotFound"), STACK),
    Difference(
        SIGNED_OUT,
        [
            NEW_USER,
            Rest("POST", "/authentication", SIGN_IN),
            Rest("DELETE", "/authentication", token=1),
            Rest("GET", "/users/1", token=1),
        ],
        _http(401),
        _http(200, {"email": USER["email"]}),
    ),
    *(
        Difference(FALSY, [Rest("GET", f"/results/{text}")], _http(200, result), _http(204, ""))
        for text, result in (("0", 0), ("false", False), ("%22%22", ""))
    ),
    Difference(
        BINARY,
        [*made(ANN), Frames(['451-999["find","people",{"name":{"_placeholder":true,"num":0}}]', b"Ann"])],
        _refused("BadRequest"),
        _got([]),
    ),
    Difference(
        EXPIRED,
        [NEW_USER, SignIn(lambda: _token(exp=int(time.time()) + 2)), Ending()],
        CLOSED,
        DISCONNECTED,
    ),
    *(
        Difference(HALF, [step], refused, taken, is_strict=True)
        for step, refused, taken in (
            (Rest("POST", "/people", '{"name":"\\ud800"}'), _http(400, {"name": "BadRequest"}), _http(201)),
            (socket("create", "people", {"name": "\ud800"}, {}), _refused("BadRequest"), _got({"name": "\ud800"})),
        )
    ),
    Difference(
        ORDER,
        [socket("create", "people", {"id": 77}, {}), *made(ANN), socket("find", "people", {})],
        _got([{"id": 77}, {"id": 1}]),
        _got([{"id": 1}, {"id": 77}]),
    ),
    Difference(
        PUBLISHER,
        [socket("create", "unheard", {"name": "Ann"}, {}), socket("announce", "echo", {}, {}), Said()],
        ["publisher of unheard created failed"],
        [],
    ),
    *(
        Difference(PACKING, [packed(encoding, body)], _http(400, {"name": "BadRequest"}), _http(500, {"message": ANY}))
        for encoding, body in (
            ("gzip", gzipped(TEXT)[:-1]),
            ("gzip", gzipped(TEXT) + b"more"),
            ("gzip", gzipped(TEXT)[:-8] + bytes(8)),
            ("gzip", TEXT),
            ("deflate", zlib.compress(TEXT)[:-1]),
            ("deflate", zlib.compress(TEXT)[2:-4]),
            ("br", brotli.compress(TEXT)[:-1]),
            ("br", TEXT),
        )
    ),
    *(
        Difference(PACKING, [packed(encoding, body + b"more")], _http(400), _http(201, {"data": {"name": "Ann"}}))
        for encoding, body in (("deflate", zlib.compress(TEXT)), ("br", brotli.compress(TEXT)))
    ),
    *(
        Difference(PACKING, [packed(encoding, gzipped(TEXT))], _http(415, {"name": "UnsupportedMediaType"}), _http(500))
        for encoding in ("zstd", "x-gzip", "gzip, gzip", "gzip, br")
    ),
    Difference(CAPITALS, [packed("GZIP", gzipped(TEXT))], _http(201, {"data": {"name": "Ann"}}), _http(500)),
    Difference(
        TOO_LARGE,
        [packed("gzip", gzipped(b'{"name":"%b"}' % (b"x" * 11_000_000)))],
        _http(413, {"name": "PayloadTooLarge"}),
        _http(500),
    ),
    # More than the kernel holds for both ends.
    Difference(QUEUES, [Unread(events=300, size_bytes=100_000)], CLOSED, EVERYTHING),
)
