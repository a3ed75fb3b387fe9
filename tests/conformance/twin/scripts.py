"""Scripts in which ours and the official one do exactly the same, by what they are about."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import brotli
import jwt

from agor_core.errors import ERRORS
from agor_core.feathers.querystring import format_query
from tests.conformance.accounts import SETTINGS
from tests.conformance.twin.both import Call, Rest, Step

ANN, BEA, CARL = ({"name": "Ann", "age": 30}, {"name": "Bea", "age": 20}, {"name": "Carl", "age": 40, "created": True})
THREE = [ANN, BEA, CARL]
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def gzipped(body: bytes) -> bytes:
    """A body in gzip's format, the same each time: names of tests have to be."""
    return gzip.compress(body, mtime=0)


def packed(encoding: str, body: bytes, headers: Mapping[str, str] | None = None) -> Rest:
    """A body that comes packed."""
    return Rest("POST", "/echo", body, {"Content-Encoding": encoding, **(headers or {})})


def socket(method: str, *arguments: Any) -> Call:
    """A call over the socket."""
    return Call(method, arguments)


def made(*records: dict[str, Any]) -> list[Step]:
    """Records to work on."""
    return [socket("create", "people", record, {}) for record in records]


def find(path: str, query: Mapping[str, Any]) -> list[Step]:
    """The same question through both doors."""
    return [Rest("GET", f"/{path}?{format_query(query)}"), socket("find", path, query)]


QUERIES: Sequence[Mapping[str, Any]] = (
    {},
    {"name": "Ann"},
    {"age": 30},
    {"age": {"$gt": 20}},
    {"age": {"$gte": 20, "$lt": 40}},
    {"age": {"$lte": 30}},
    {"age": {"$ne": 30}},
    {"name": {"$in": ["Ann", "Carl"]}},
    {"name": {"$nin": ["Ann"]}},
    {"created": True},
    {"created": {"$ne": True}},
    {"missing": "x"},
    {"$or": [{"name": "Ann"}, {"age": 20}]},
    {"$and": [{"name": "Ann"}, {"age": 30}]},
    {"$or": [{"age": {"$gt": 30}}, {"name": {"$in": ["Bea"]}}], "age": {"$lt": 50}},
    {"$sort": {"age": 1}},
    {"$sort": {"age": -1}},
    {"$sort": {"created": 1, "name": -1}},
    {"$sort": {"age": 1}, "$limit": 2},
    {"$sort": {"age": 1}, "$limit": 1, "$skip": 1},
    {"$limit": 0},
    {"$skip": 2},
    {"$skip": 9},
    {"$select": ["name"]},
    {"$select": ""},
    {"$select": ["name", "nothing"], "$sort": {"name": 1}},
    {"$nope": 1},
    {"name": {"$nope": 1}},
    {"$or": [{"name": {"$nope": 1}}]},
    {"age": {"$LT": 3}},
)

# What a query into lists may meet. None has nothing where another has null: theirs sorts these two as they come.
LISTS: Sequence[dict[str, Any]] = (
    {"l": [{"a": 1, "b": [1, 2]}, {"a": 2}]},
    {"l": [[1], 2]},
    {"l": {"a": 1}},
    {"l": {"a": [1, {"c": 5}]}},
    {"l": []},
    {"l": [{"a": None}]},
    {"l": [{}]},
    {"l": [[{"a": 1}]]},
    {"l": None},
    {"l": [1, "a", True, None]},
    {"l": [{"a": {"c": 1}}]},
    {"l": [3, 30]},
    {"l": {"b": 0}},
    {"l": ""},
    {"l": False},
)

CONDITIONS: Sequence[Any] = (
    *(1, 2, None, {}, [], [1], {"a": 1}, {"c": 1}, [1, {"c": 5}]),
    *({"$ne": 1}, {"$ne": None}, {"$ne": []}, {"$ne": {"a": 1}}),
    *({"$in": [2]}, {"$in": [None]}, {"$in": [{"a": 1}]}, {"$in": [[1]]}, {"$in": []}),
    *({"$nin": [2]}, {"$nin": [None, 1]}, {"$nin": [{"a": 2}]}),
    *({"$gt": 1}, {"$lt": 5, "$gt": 25}, {"$ne": 1, "$in": [2]}),
)
FIELDS = ("l", "l.a", "l.b", "l.a.c", "l.0", "l.0.a", "l.0.0", "l.1", "l.5", "l.b.1", "x", "x.y")
INTO_LISTS: Sequence[Mapping[str, Any]] = (
    *({field: condition} for field, condition in product(FIELDS, CONDITIONS)),
    {"$or": [{"l.a": 2}, {"l": 1}]},
    {"$and": [{"l.a": 1}, {"l.a": 2}]},
    *({"$sort": {"l": direction}} for direction in (1, -1)),
)

PATHS = ("people", "people-paged", "people-paged3", "people-paged10")

ECHOES = ("/echo", "/echo/7", "/echo/", "/rooms/5/echo/7")

ROUTES: Sequence[Step] = (
    *(Rest(verb, path) for verb, path in product(("GET", "HEAD", "DELETE"), ECHOES)),
    *(Rest(verb, path, {"a": 1}) for verb, path in product(("PUT", "PATCH"), ECHOES)),
    Rest("POST", "/echo", {"a": 1}),
    Rest("POST", "/echo/7", {"a": 1}),
    Rest("POST", "/echo", [{"a": 1}]),
    Rest("POST", "/rooms/5/echo", {}),
    Rest("GET", "/nope"),
    Rest("GET", "/Echo"),
    Rest("GET", "/rooms/echo"),
    Rest("POST", "/echo", {"a": 1}, {"X-Service-Method": "ping"}),
    Rest("POST", "/echo", {"a": 1}, {"x-service-method": "announce"}),
    Rest("POST", "/echo", {"a": 1}, {"X-Service-Method": "internal"}),
    Rest("POST", "/echo", {"a": 1}, {"X-Service-Method": "create"}),
    Rest("POST", "/echo", {"a": 1}, {"X-Service-Method": "find"}),
    *(
        Rest(verb, path, None, {"X-Service-Method": name})
        for verb, path, name in product(("GET", "PUT", "DELETE"), ("/echo", "/echo/7"), ("ping", "find", "update"))
    ),
    *(Rest("GET", path, headers={"Accept": "text/html"}) for path in ("/echo", "/nope", "/errors/Conflict")),
    Rest("POST", "/errors", {}),
    Rest("DELETE", "/errors/1"),
    Rest("POST", "/hooked/1", {"mode": "x"}),
    Rest("GET", "/hooked"),
    Rest("PROPFIND", "/echo"),
    Rest("POST", "/echo", "a=1&b[c]=2&d[]=3", FORM),
    Rest("POST", "/echo", "{}"),
    # The official clients say that what they do not send is JSON.
    *(Rest(verb, path, "") for verb, path in product(("POST", "PUT", "PATCH"), ("/echo", "/echo/7", "/people"))),
    Rest("POST", "/echo", "", {"X-Service-Method": "ping"}),
    Rest("POST", "/echo", "", FORM),
    Rest("POST", "/authentication", ""),
    Rest("PATCH", "/echo", {"a": None}),
    Rest("POST", "/echo", {"text": "äöü €", "deep": {"a": [1, 2.5, -0.001, True, None]}}),
)

QUERY_STRINGS = (
    "a",
    "a=",
    "a=1",
    "a=1&a=2",
    "a[]=1",
    "a[0]=1",
    "a[1]=2&a[0]=1",
    "a[5]=x",
    "a[0]=1&a[b]=2",
    "a[b][c]=1",
    "a.b=1",
    "$sort[created_at]=-1",
    "$or[0][x]=1&$or[1][y]=2",
    "$or[][x]=1&$or[][y]=2",
    "$and[0][$or][0][a]=1",
    "a=true&b=null",
    "a=b+c",
    "a=%2B",
    "a=%ZZ",
    "a=%",
    "a=b=c",
    "a;b=2",
    "a=1,2",
    "=1",
    "&&",
    "a[-1]=1",
    "a[01]=1",
    "a]=1",
    "[a]=1",
    "__proto__[x]=1",
    "a%5B%24in%5D%5B0%5D=1",
    "a[b]=1&a=2",
    "a=1&a[b]=2",
    "%61=1",
    "a[%62]=1",
    "a[=1",
    "a[b=1",
    "a[]b=1",
    "?a=1",
    "a=1#b=2",
    "%C3%A4=%C3%B6",
    "a[b[c]]=1",
    "a[b]c=1",
    "a[b]c[d]=1",
    "a[[b]]=1",
    "a[b]=1&a=2&a=3",
    "a[b]=1&a=2&a[c]=3",
    "a[b][c][d][e][f]=1",
    "a[b][c][d][e][f][g]=1",
    "a=%F0%9F%8C%8D",
    "a[]=&a[]=",
    "a[0][b]=1&a[1][c]=2",
    "a[x]=1&a[]=2",
)

# Arguments as the official client sends them, and fewer or more.
ARGUMENTS: Sequence[Call] = (
    socket("find", "echo", {"a": 1}),
    socket("find", "echo"),
    socket("find", "echo", None),
    socket("get", "echo", 7, {"a": [1, {"b": None}]}),
    socket("get", "echo", "7"),
    socket("get", "echo", None),
    socket("get", "echo", True, {}),
    socket("create", "echo", {"a": 1}, {"q": "x"}),
    socket("create", "echo", [1, 2], {}),
    socket("create", "echo", "text", {}),
    socket("create", "echo", None, {}),
    socket("update", "echo", 1, {"a": 1}, {}),
    socket("update", "echo", None, {"a": 1}, {}),
    socket("patch", "echo", None, {"a": 1}, {"q": True}),
    socket("patch", "echo", "x", {"a": 1}),
    socket("remove", "echo", None, {"q": 1.5}),
    socket("remove", "echo", 5),
    socket("ping", "echo", {"a": 1}, {"q": 1}),
    socket("ping", "echo", {"a": 1}),
    socket("announce", "echo", {"news": [1]}, {}),
    socket("announce", "echo", [1, 2], {}),
    socket("find", "/echo/", {}),
    socket("find", "rooms/42/echo", {}),
    socket("announce", "rooms/42/echo", {"news": 1}),
    socket("find", "nope", {}),
    socket("find", "", {}),
    socket("find", None, {}),
    socket("find", 7, {}),
    socket("find", ["echo"], {}),
    socket("find", {}, {}),
    socket("create", "errors", {}, {}),
    socket("patch", "errors", 1, {}, {}),
    socket("find", "echo", {}, {}),
    socket("get", "echo", 1, {}, {}),
    socket("create", "echo", {}, {}, {}),
    socket("update", "echo", 1, {}, {}, {}),
    socket("remove", "echo", 1, {}, {}),
    socket("ping", "echo", {}, {}, {}),
    socket("ping", "people", {}, {}),
)

MODES = ("trace", "skip", "fail", "change", "dispatch", "silent", "rename", "null", "before-fail", "after-fail",
         "swallow", "replace", "other")  # fmt: skip

CHANGES: Sequence[Step] = (
    socket("update", "people", 1, {"name": "Anna"}, {}),
    socket("patch", "people", 1, {"age": 31}, {}),
    socket("patch", "people", "2", {"age": 21}, {"$select": ["age"]}),
    socket("get", "people", 1, {"$select": ["name"]}),
    socket("get", "people", "1", {}),
    socket("get", "people", 1, {"name": "nobody"}),
    socket("patch", "people", 1, {"age": 1}, {"name": "nobody"}),
    socket("remove", "people", 3, {"name": "nobody"}),
    socket("get", "people", 99, {}),
    socket("update", "people", 99, {"a": 1}, {}),
    socket("patch", "people", 99, {}, {}),
    socket("remove", "people", 99, {}),
    socket("update", "people", None, {"a": 1}, {}),
    socket("patch", "people", None, {"a": 1}, {}),
    socket("remove", "people", None, {}),
    socket("create", "people", [ANN, BEA], {}),
    socket("create", "people", {"id": "own", "name": "own"}, {}),
    socket("get", "people", "own", {}),
    socket("remove", "people", "own", {}),
    socket("create", "people-multi", [ANN, BEA], {"$select": ["name"]}),
    socket("patch", "people-multi", None, {"age": 1}, {"name": "Ann"}),
    socket("remove", "people-multi", None, {"name": "Bea"}),
    socket("remove", "people", 1, {}),
    socket("create", "people", {"id": 2.5}, {}),
    *(Rest("GET", f"/people/{id}") for id in ("2.5", "2.50", "02.5", "25e-1")),
    Rest("DELETE", "/people/2.5"),
    Rest("GET", "/people"),
    Rest("PATCH", "/people-multi?name=Carl", {"age": 44}),
    Rest("PUT", "/people/3", {"name": "Karl"}),
    # What is missing in the store, or not allowed, comes before what is missing in the body.
    *(Rest(verb, path) for verb, path in product(("PUT", "PATCH"), ("/people", "/people/99"))),
    *(socket(method, "people", id, True, {}) for method, id in product(("update", "patch"), (None, 99))),
    Rest("DELETE", "/people-multi"),
    Rest("DELETE", "/people"),
    Rest("POST", "/people-multi", [ANN]),
    Rest("POST", "/people-multi", []),
    Rest("GET", "/people-paged10"),
)

USER = {"email": "ann@example.com", "password": "secret"}
SIGN_IN = {"strategy": "local", **USER}

ENDLESS = jwt.encode(
    {"aud": SETTINGS.audience, "iss": SETTINGS.issuer, "iat": 1, "sub": "1", "jti": "x"},
    SETTINGS.secret,
    headers={"typ": "access"},
)

ACCOUNTS: Mapping[str, Sequence[Step]] = {
    "rest": (
        Rest("POST", "/users", USER),
        Rest("POST", "/authentication", SIGN_IN),
        Rest("GET", "/users", token=1),
        Rest("GET", "/users/1", token=1),
        Rest("GET", "/users"),
        Rest("POST", "/secrets", {"text": "x", "ownerId": 99}, token=1),
        Rest("GET", "/secrets", token=1),
        Rest("GET", "/secrets"),
        Rest("GET", "/secrets", headers={"Authorization": "Bearer nonsense"}),
        Rest("GET", "/secrets", headers={"Authorization": "Basic YTpi"}),
        Rest("GET", "/echo", headers={"Authorization": "Bearer nonsense"}),
        Rest("PATCH", "/users/1", {"name": "Ann"}, token=1),
        Rest("DELETE", "/authentication", token=1),
        Rest("DELETE", "/authentication"),
        Rest("GET", "/authentication"),
        Rest("PATCH", "/authentication/1", {}),
    ),
    "a token without an end": (
        Rest("POST", "/users", USER),
        *(
            Rest("GET", "/users/1", headers={"Authorization": header})
            for header in (
                *(
                    f"{scheme} {ENDLESS}"
                    for scheme in ("Bearer", " Bearer:", "bearer", "JWT", "jwt:", "Basic", "Token")
                ),
                *(ENDLESS, f"{ENDLESS} more", f"Bearer {ENDLESS} more", f"Bearer\t{ENDLESS}", f"Bearer:{ENDLESS}"),
                *("Bearer", "Bearer more", f"Bearer {ENDLESS},{ENDLESS}"),
            )
        ),
    ),
    "socket": (
        socket("create", "users", USER, {}),
        socket("find", "secrets", {}),
        socket("create", "authentication", SIGN_IN, {}),
        socket("find", "secrets", {}),
        socket("create", "secrets", {"text": "x"}, {}),
        socket("patch", "users", 1, {"name": "Ann"}, {}),
        socket("get", "users", 1, {}),
        socket("create", "authentication", {**SIGN_IN, "password": "wrong"}, {}),
        socket("find", "secrets", {}),
        socket("create", "people", ANN, {}),
        socket("remove", "authentication", None, {}),
        socket("find", "secrets", {}),
        socket("create", "people", BEA, {}),
        socket("remove", "authentication", None, {}),
    ),
    "refusals": tuple(
        socket("create", "authentication", data, {})
        for data in (
            {},
            {"strategy": "local"},
            {"strategy": "nope"},
            {"strategy": "jwt"},
            {"strategy": "jwt", "accessToken": "x.y.z"},
            {"strategy": "local", "email": "nobody@example.com", "password": "x"},
            {"strategy": "local", "email": "", "password": ""},
        )
    ),
}

TEXT = b'{"name":"Ann"}'

PACKED: Sequence[Step] = (
    packed("gzip", gzipped(TEXT)),
    packed("gzip", zlib.compress(TEXT)),
    packed("gzip", gzipped(TEXT[:5]) + gzipped(TEXT[5:])),
    packed("gzip", gzipped(TEXT) + b"\0" * 512),
    packed("gzip", gzipped(b"a=1&b[]=2"), FORM),
    packed("deflate", zlib.compress(TEXT)),
    packed("deflate", gzipped(TEXT)),
    packed("br", brotli.compress(TEXT)),
    packed("br", brotli.compress(b"a=1&b[]=2"), FORM),
    packed("identity", TEXT),
    packed("", TEXT),
)

SCRIPTS: Mapping[str, Sequence[Step]] = {
    **{
        f"queries of {path}": [*made(*THREE), *(step for query in QUERIES for step in find(path, query))]
        for path in PATHS
    },
    "queries into lists": [*made(*LISTS), *(socket("find", "people", query) for query in INTO_LISTS)],
    "routes": ROUTES,
    "packed bodies": PACKED,
    "query strings": [Rest("GET", f"/echo?{text}") for text in QUERY_STRINGS],
    "arguments": ARGUMENTS,
    "errors": [
        step
        for name in (*ERRORS, "Teapot", "nope")
        for step in (Rest("GET", f"/errors/{name}"), socket("get", "errors", name, {}))
    ],
    "hooks over rest": [
        Rest(verb, path, {"mode": mode, "text": "x"})
        for mode in (*MODES, "status", "header", "location")
        for verb, path in (("POST", "/hooked"), ("PATCH", "/hooked/1"))
    ],
    "hooks over a socket": [
        step
        for mode in MODES
        for step in (
            socket("create", "hooked", {"mode": mode, "text": "x"}, {}),
            socket("patch", "hooked", 1, {"mode": mode}, {}),
        )
    ],
    "hooks of lists": [
        socket("create", "hooked", [{"mode": mode, "text": "x"}, {"mode": "other"}], {})
        for mode in MODES
        if mode != "dispatch"
    ],
    "changes": [*made(*THREE), *CHANGES],
    **{f"accounts, {name}": steps for name, steps in ACCOUNTS.items()},
}
