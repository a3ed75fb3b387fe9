"""The smaller parts: guard, tokens, attempts, idempotency, JSON, routing, registration."""

from __future__ import annotations

import asyncio
import gc
import json
import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agor_core.errors import BadRequest, Conflict, Forbidden, NotAuthenticated, ServiceError, TooManyRequests
from agor_core.feathers import CollectionMethod, Feathers, HookContext, MemoryService, Params, RecordMethod
from agor_core.feathers.authentication import Attempts, hash_password, verify_password
from agor_core.feathers.guard import Guard, is_loopback_address
from agor_core.feathers.idempotency import Idempotency
from agor_core.feathers.wire import MAX_DEPTH, dumps, loads

GUARD = Guard(frozenset({"localhost", "agor.example:3030"}), frozenset({"https://agor.example"}))


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        ({"host": "localhost"}, None),
        ({"host": "LocalHost:8080"}, None),
        ({"host": "agor.example:3030"}, None),
        ({"host": "agor.example"}, Forbidden),
        ({"host": "agor.example:80"}, Forbidden),
        ({"host": "localhost.evil.com"}, Forbidden),
        ({"host": "localhost@evil.com"}, Forbidden),
        ({"host": "evil.com#localhost"}, Forbidden),
        ({"host": ""}, Forbidden),
        ({}, Forbidden),
        ({"host": "localhost", "origin": "https://agor.example"}, None),
        ({"host": "localhost", "origin": "https://agor.example.evil.com"}, Forbidden),
        ({"host": "localhost", "origin": "http://localhost"}, Forbidden),
        ({"host": "localhost", "origin": "null"}, Forbidden),
        ({"host": "localhost", "origin": ""}, Forbidden),
        ({"host": "localhost", "sec-fetch-site": "cross-site"}, Forbidden),
        ({"host": "localhost", "sec-fetch-site": "same-site"}, Forbidden),
        ({"host": "localhost", "sec-fetch-site": "same-origin"}, None),
        ({"host": "localhost", "sec-fetch-site": "none"}, None),
    ],
)
def test_the_guard_knows_hosts_and_origins(headers: dict[str, str], error: type[Exception] | None) -> None:
    """What is not on a list is refused; that Origin equals Host proves nothing."""
    if error is None:
        GUARD.check("GET", "/people", headers)
    else:
        with pytest.raises(error):
            GUARD.check("GET", "/people", headers)


def test_a_link_may_lead_to_the_start_page_only() -> None:
    """A top-level navigation from elsewhere gets `/`, and nothing that says something about the user."""
    link = {"host": "localhost", "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    GUARD.check("GET", "/", {**link, "sec-fetch-dest": "document"})
    for method, path, dest in (("GET", "/people", "document"), ("GET", "/", "iframe"), ("POST", "/", "document")):
        with pytest.raises(Forbidden):
            GUARD.check(method, path, {**link, "sec-fetch-dest": dest})


def test_beyond_loopback_a_program_needs_a_token() -> None:
    """Without Origin a bearer token is needed, except for what is open."""
    guard = Guard(frozenset({"team"}), frozenset(), is_loopback=False, is_open=lambda _method, path: path == "/")
    guard.check("GET", "/", {"host": "team"})
    guard.check("GET", "/people", {"host": "team", "authorization": "Bearer x"})
    with pytest.raises(NotAuthenticated):
        guard.check("GET", "/people", {"host": "team"})


def test_loopback_is_known() -> None:
    """Names and addresses of this machine, and no other."""
    assert all(map(is_loopback_address, ("localhost", "127.0.0.1", "127.1.2.3", "::1", "[::1]")))
    assert not any(map(is_loopback_address, ("0.0.0.0", "::", "10.0.0.1", "example.com", "")))


async def test_passwords_of_any_length_are_told_apart() -> None:
    """bcrypt alone would look at 72 bytes."""
    long = "x" * 72
    hash = await hash_password(long + "a")
    assert await verify_password(long + "a", hash)
    assert not await verify_password(long + "b", hash)
    assert not await verify_password(long + "a", "no hash")


def test_failures_block_one_account_from_one_address() -> None:
    """Who guesses is stopped for a while; the account's owner elsewhere, and others here, are not."""
    now = [0.0]
    attempts = Attempts(per_account=3, per_address=5, window_s=60, clock=lambda: now[0])
    for _ in range(3):
        attempts.begin("guesser", "ann")
    with pytest.raises(TooManyRequests) as refused:
        attempts.begin("guesser", "ann")
    assert refused.value.data == {"retry_after_s": 60}
    attempts.begin("home", "ann")
    attempts.succeeded("home", "ann")
    attempts.begin("guesser", "bea")
    attempts.begin("guesser", "cid")
    with pytest.raises(TooManyRequests):
        attempts.begin("guesser", "dan")
    now[0] = 61
    attempts.begin("guesser", "ann")


async def test_one_key_is_one_call() -> None:
    """Calls with one key at once and later get one answer; other data is a conflict; a failure may be retried."""
    now = [0.0]
    keys = Idempotency(keep_s=10, clock=lambda: now[0])
    made: list[Any] = []

    async def run() -> Any:
        await asyncio.sleep(0)
        made.append(object())
        if len(made) == 1:
            raise BadRequest("not yet")
        return made[-1]

    with pytest.raises(BadRequest):
        await keys.once("key", ("ann",), {"a": 1}, run)
    answers = await asyncio.gather(*(keys.once("key", ("ann",), {"a": 1}, run) for _ in range(5)))
    assert len(made) == 2
    assert all(answer is made[1] for answer in answers)
    with pytest.raises(Conflict):
        await keys.once("key", ("ann",), {"a": 2}, run)
    assert await keys.once("key", ("bea",), {"a": 2}, run) is made[2]
    now[0] = 11
    assert await keys.once("key", ("ann",), {"a": 2}, run) is made[3]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(JSON)
def test_json_goes_out_and_comes_in_again(value: Any) -> None:
    """What is JSON survives, half surrogate pairs and huge integers included."""
    again = loads(dumps(value), broken_text=True)
    assert json.dumps(again) == json.dumps(value) or any(abs(part) > 2**63 for part in numbers(value))


def numbers(value: Any) -> list[float]:
    """All numbers in a value."""
    if isinstance(value, dict):
        return [number for part in value.values() for number in numbers(part)]
    if isinstance(value, list):
        return [number for part in value for number in numbers(part)]
    return [value] if isinstance(value, int | float) else []


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", "1e999", "[-1e999]", "", "{", "[1,]", '"\\ud800"', b"\xff"])
def test_what_is_no_json_is_refused(text: str | bytes) -> None:
    """So is what no database could take."""
    with pytest.raises(BadRequest):
        loads(text)


def containers(value: Any) -> int:
    """How many lists and objects a value has, itself included."""
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return isinstance(value, dict | list) + sum(map(containers, parts))


@settings(max_examples=40)
@given(value=JSON, end=st.text('[]{}"\\', max_size=9), far=st.booleans())
def test_so_many_lists_and_objects_and_no_more(value: Any, end: str, far: bool) -> None:
    """They are counted to the last one, and what only looks like one, inside of text, is none."""
    everything = [value, '[{\\"' * (100_000 if far else 100) + end, value]
    text, many = json.dumps(everything), containers(everything)
    for form in (text, text.encode()):
        assert loads(form, broken_text=True, most_containers=many) == everything
        with pytest.raises(BadRequest, match="lists and objects"):
            loads(form, broken_text=True, most_containers=many - 1)


@pytest.mark.parametrize(("opens", "closes"), [("[", "]"), ('{"a":', "}"), ('[1,{"a":', ',"b":0},{}]')])
@pytest.mark.parametrize("inside", ["1", '"\\ud800"'])
def test_so_deep_and_no_deeper(opens: str, closes: str, inside: str) -> None:
    """200 levels of whatever kind, also around text that has to be read in another way."""
    times = MAX_DEPTH // (opens.count("[") + opens.count("{"))
    text = opens * times + inside + closes * times
    assert json.dumps(loads(text, broken_text=True), separators=(",", ":")) == text
    for deeper in (1, 100, 1_000, 100_000):
        with pytest.raises(BadRequest, match="deeper"):
            loads("[" * deeper + text + "]" * deeper, broken_text=True)


def test_garbage_is_looked_for_again_after_much_was_read() -> None:
    """Also when it was refused, and whatever other threads read meanwhile; who has turned it off finds it off."""
    much = dumps([[number] for number in range(50_000)])

    def read() -> None:
        for _ in range(20):
            loads(much)
            with pytest.raises(BadRequest):
                loads(much + b"]")

    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(read) for _ in range(4)]:
            done.result()
    assert gc.isenabled()
    gc.disable()
    try:
        loads(much)
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_what_is_no_json_is_not_sent() -> None:
    """A record that JavaScript could not read never leaves."""
    with pytest.raises(TypeError):
        dumps({"a": {1, 2}})


@pytest.mark.parametrize("beside", [None, 2**70])
def test_no_number_is_null_as_in_javascript(beside: int | None) -> None:
    """NaN and the infinities, which only code of the application can make, are written as JSON.stringify does."""
    assert json.loads(dumps([math.nan, {"a": [math.inf, -math.inf, 1.5]}, beside])) == [
        None,
        {"a": [None, None, 1.5]},
        beside,
    ]


class Sessions:
    """A service with methods of one record."""

    async def find(self, params: Params) -> Any:
        """All."""
        return []

    async def fork(self, id: Any, data: Any, params: Params) -> Any:
        """Fork one."""
        return {"id": id, "data": data}

    async def gather(self, data: Any, params: Params) -> Any:
        """Do something with all."""
        return data


async def test_methods_are_registered_by_name() -> None:
    """What does not exist, is reserved or is taken, is a mistake of the programmer, said at once."""
    app = Feathers()
    sessions = app.use(
        "sessions", Sessions(), methods=["find", RecordMethod("fork", write="fork"), CollectionMethod("gather")]
    )
    assert sessions.methods.names() == ["find", "gather", "fork"]
    assert await sessions.call("fork", 7, {"a": 1}) == {"id": 7, "data": {"a": 1}}
    for wrong in ("missing", "setup", "emit", "_private", "constructor", CollectionMethod("find")):
        with pytest.raises(ValueError, match="method"):
            Feathers().use("x", Sessions(), methods=[wrong])
    with pytest.raises(ValueError, match="already"):
        app.use("/sessions/", Sessions())
    with pytest.raises(ValueError, match="no method here"):
        sessions.hooks(before={"forc": []})
    with pytest.raises(ValueError, match="no event"):
        sessions.emit("exploded", {})


async def test_concrete_paths_win_over_parameters() -> None:
    """Of two services for one path, the one that names it."""
    app = Feathers()
    general = app.use("rooms/:id/things", MemoryService())
    special = app.use("rooms/main/things", MemoryService())
    for path, service, route in (("rooms/7/things", general, {"id": "7"}), ("rooms/main/things", special, {})):
        match = app.router.match(path.split("/"))
        assert match is not None
        assert (match.service, match.route) == (service, route)


async def test_a_life_is_set_up_and_torn_down_in_order() -> None:
    """Services in the order of registration and back, hooks around, a failing one does not stop the others."""
    told: list[str] = []

    class Lively:
        def __init__(self, name: str, fails: bool = False) -> None:
            self.name, self.fails = name, fails

        async def find(self, params: Params) -> list[Any]:
            return []

        async def setup(self, app: Feathers, path: str) -> None:
            told.append(f"+{path}")

        async def teardown(self, app: Feathers, path: str) -> None:
            told.append(f"-{path}")
            if self.fails:
                raise RuntimeError("cannot")

    async def around(context: Any, call_next: Any) -> None:
        told.append(f"{context.method}:in")
        await call_next()
        told.append(f"{context.method}:out")

    app = Feathers()
    app.use("one", Lively("one"))
    app.use("two", Lively("two", fails=True))
    app.hooks(setup=[around], teardown=[around])
    await app.setup()
    with pytest.raises(ExceptionGroup):
        await app.teardown()
    assert told == ["setup:in", "+one", "+two", "setup:out", "teardown:in", "-two", "-one"]


async def test_calling_next_twice_is_a_mistake() -> None:
    """An around hook lets the call through once."""

    async def twice(context: HookContext, call_next: Any) -> None:
        await call_next()
        await call_next()

    app = Feathers()
    people = app.use("people", MemoryService())
    people.hooks(around=[twice])
    with pytest.raises(RuntimeError, match="multiple times"):
        await people.find()


async def test_an_error_hook_that_fails_passes_its_own_error_on() -> None:
    """The next error hook sees the new error, and may still swallow it."""
    seen: list[str] = []

    def replace(context: HookContext) -> None:
        raise Conflict("from the hook")

    def watch(context: HookContext) -> None:
        seen.append(str(context.error))

    app = Feathers()
    people = app.use("people", MemoryService())
    people.hooks(error={"get": [replace], "all": [watch]})
    with pytest.raises(ServiceError, match="from the hook"):
        await people.get("nobody")
    assert seen == ["from the hook"]
