"""Sessions of Engine.IO, step by step, on ours and on the official server: what the protocol says and leaves open.

Both paths of ours, the fast one and the stock one, say the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.conformance.raw import CLOSED
from tests.conformance.twin.conftest import Pair
from tests.conformance.twin.sessions import (
    ALIVE,
    CONNECTED,
    HANDSHAKE,
    POLL,
    BeginPoll,
    Close,
    EndPoll,
    Hear,
    Http,
    Open,
    Send,
    Step,
    post,
)

pytestmark = pytest.mark.node

CALL = '421["get","echo",1,{}]'
ANSWER = '431[null,{"method":"get","id":1,"idType":"number","query":{},"provider":"socketio","route":{}}]'
PROBE: Sequence[Step] = (Open(), Send(["2probe"]), Hear())
WEBSOCKET: Sequence[Step] = (Open(is_known=False), Hear(), Send(["40"]), Hear())
CHANGED: Sequence[Step] = (*CONNECTED, *PROBE, POLL, Send(["5", CALL]), Hear())
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
BINARY_CALL = '451-1["get","echo",{"_placeholder":true,"num":0},{}]'

PROBES: Mapping[str, str | bytes] = {"another": "2wrong", "a call": CALL, "nonsense": "abc", "binary": b"\1"}

SAME: Mapping[str, Sequence[Step]] = {
    "a handshake by polling": [HANDSHAKE],
    "a handshake by WebSocket": WEBSOCKET,
    "a connection": [*CONNECTED, *ALIVE],
    "a connection with a token": [HANDSHAKE, post('40{"token":"x"}'), POLL],
    "an unknown namespace, and then the one": [HANDSHAKE, post("40/random"), POLL, post("40"), POLL, *ALIVE],
    "an unknown namespace by WebSocket": [*WEBSOCKET[:2], Send(["40/random"]), Hear(), Send(["40"]), Hear()],
    "several calls in one request": [*CONNECTED, post(CALL, CALL, CALL), POLL],
    "a call that says it is JSON": [*CONNECTED, Http("POST", CALL, headers={"Content-Type": "application/json"}), POLL],
    "a call that says it is a form": [*CONNECTED, Http("POST", CALL, headers=FORM), POLL],
    "packets that say nothing": [*CONNECTED, post("0"), post("3"), post("6"), *ALIVE],
    "packets that say nothing, by WebSocket": [*WEBSOCKET, Send(["0", "3", "6", '431["x"]', CALL]), Hear()],
    "polling as if it were a WebSocket": [*CONNECTED, Http("GET", query="EIO=4&transport=websocket"), *ALIVE],
    "sending as if it were a WebSocket": [*CONNECTED, Http("POST", CALL, query="EIO=4&transport=websocket"), *ALIVE],
    "a goodbye": [*CONNECTED, post("1"), POLL],
    "a goodbye before a call": [*CONNECTED, post("1", CALL), POLL],
    "a goodbye while a poll waits": [*CONNECTED, BeginPoll(), post("1"), EndPoll(), POLL],
    "a change to WebSocket": [*CHANGED, POLL],
    "a change while a poll waits": [*CONNECTED, BeginPoll(), *PROBE, EndPoll(), Send(["5", CALL]), Hear()],
    "a change before connecting": [HANDSHAKE, *PROBE, POLL, Send(["5", "40"]), Hear(), Send([CALL]), Hear()],
    "a change without a poll": [*CONNECTED, *PROBE, Send(["5", CALL]), Hear()],
    "sending after a change": [*CHANGED, post(CALL)],
    "a change that ends before it begins": [*CONNECTED, Open(), Close(), *ALIVE],
    "a change that ends after its probe": [*CONNECTED, *PROBE, Close(), *ALIVE],
    "a change that ends after its probe, while a poll waits": [
        *CONNECTED, BeginPoll(), *PROBE, EndPoll(), Close(), *ALIVE,
    ],
    "a change that ended, and another": [*CONNECTED, *PROBE, Close(), *ALIVE, *PROBE, POLL, Send(["5", CALL]), Hear()],
    "a probe after a probe": [*CONNECTED, *PROBE, Send(["2probe"]), Hear(), POLL, Send(["5", CALL]), Hear()],
    "a probe after a probe, while a poll waits": [
        *CONNECTED, BeginPoll(), *PROBE, EndPoll(), Send(["2probe"]), Hear(), POLL, Send(["5", CALL]), Hear(),
    ],
    "a WebSocket through which nothing comes": [*CONNECTED, Open(), *ALIVE, *ALIVE],
    "a WebSocket through which nothing comes after its probe": [*CONNECTED, *PROBE, *ALIVE, POLL, *ALIVE],
    "a call while a client changes over": [*CONNECTED, *PROBE, post(CALL), POLL, Send(["5", CALL]), Hear()],
    **{
        f"a probe that is {name}": [*CONNECTED, Open(), Send([frame]), Hear(), *ALIVE]
        for name, frame in PROBES.items()
    },
    **{
        f"after the probe {name}": [*CONNECTED, *PROBE, Send([frame]), Hear(), *ALIVE]
        for name, frame in {"nonsense": "4abc", "a goodbye": "1"}.items()
    },
    **{
        f"a WebSocket's frame {frame!r}": [*WEBSOCKET, Send([frame]), Hear()]
        for frame in ("abc", "", "2", "2probe", "7", "bAQID")
    },
}  # fmt: skip

# Script, what ours says in the end, what theirs says, and why that may be.
Row = tuple[Sequence[Step], Sequence[Any], Sequence[Any], str]
OK, DONE, UNKNOWN, REFUSED = (200, ["ok"]), (200, [ANSWER]), (400, 1), (400, 3)
GOODBYE = (200, ["6", "1"])
ON = (OK, DONE)
REFUSAL = '{"name":"BadRequest","message":"binary data is not supported","code":400,"className":"bad-request"}'
ECHOED = (
    '{"method":"get","id":{"_placeholder":true,"num":0},"idType":"object","query":{},"provider":"socketio","route":{}}'
)


def verb(name: str, ours: Any, theirs: Any) -> Row:
    """A request of the session with a verb that is none of Engine.IO's."""
    return [*CONNECTED, Http(name), *ALIVE], [ours, *ON], [theirs, *ON], "a clearer status"


OTHER: Mapping[str, Row] = {
    **{
        f"no payload: {text!r}": ([*CONNECTED, Http("POST", text), POLL], [REFUSED, UNKNOWN], [OK, UNKNOWN], "said")
        for text in ("", "\x1e", f"{CALL}\x1e", f"\x1e{CALL}", "abc", f"{CALL}\x1eabc", "2", "7")
    },
    "no text": ([*CONNECTED, Http("POST", b"4\xff"), POLL], [REFUSED, UNKNOWN], [(400, [""]), UNKNOWN], "it is said"),
    **{
        f"no packet: {text!r}": ([*CONNECTED, post(text), POLL], [OK, UNKNOWN], [OK, GOODBYE], "gone at once")
        for text in ("40", "4", "42[]", "bAQIDBA==", "b!!!", "b")
    },
    "a call before connecting": ([HANDSHAKE, post(CALL), POLL], [OK, UNKNOWN], [OK, GOODBYE], "gone at once"),
    "connecting and a call in one": (
        [HANDSHAKE, post("40", CALL), POLL],
        [OK, (200, ['40{"sid":"…"}', ANSWER])],
        [OK, GOODBYE],
        "what comes in order is done in order",
    ),
    "a binary call": (
        [*CONNECTED, post(BINARY_CALL, "bAQIDBA=="), POLL, *ALIVE],
        [OK, (200, [f"431[{REFUSAL}]"]), *ON],
        [OK, (200, [f"461-1[null,{ECHOED}]", "bAQIDBA=="]), *ON],
        "nothing here stores them",
    ),
    "a call that says it is binary": (
        [*CONNECTED, Http("POST", CALL, headers={"Content-Type": "application/octet-stream"}), POLL],
        [OK, DONE],
        [(400, [""]), UNKNOWN],
        "it is what it is",
    ),
    "JSONP": (
        [*CONNECTED, Http("POST", "d=" + CALL, query="EIO=4&transport=polling&j=0", headers=FORM), *ALIVE],
        [REFUSED, *ON],
        [OK, UNKNOWN, UNKNOWN],
        "there is none here",
    ),
    "put": verb("PUT", (400, 2), (500, [""])),
    "delete": verb("DELETE", (400, 2), (500, [""])),
    "head": verb("HEAD", (400, [""]), (500, [""])),
    "options": verb("OPTIONS", (400, 2), (204, [""])),
    "two polls": (
        [*CONNECTED, BeginPoll(), POLL, EndPoll(), POLL],
        [REFUSED, (200, ["1"]), UNKNOWN],
        [(400, [""]), (200, ["1"]), UNKNOWN],
        "in JSON",
    ),
    "a second WebSocket while changing over": (
        [*CONNECTED, *PROBE, Open(), Hear()],
        ["3probe", 400, CLOSED],
        ["3probe", 101, CLOSED],
        "refused, not opened",
    ),
    "a second WebSocket after changing over": (
        [*CHANGED, Open(), Hear()],
        [ANSWER, 400, CLOSED],
        [ANSWER, 101, CLOSED],
        "refused, not opened",
    ),
    **{
        f"a WebSocket's frame {frame!r}": (
            [*WEBSOCKET, Send([frame]), Hear(), Hear()],
            [None, "1", CLOSED],
            [None, CLOSED, CLOSED],
            "with a goodbye",
        )
        for frame in (b"\1", "4", "49", f"{CALL}\x1e{CALL}")
    },
}  # fmt: skip

# On servers that ask every quarter of a second, and wait half of one for a client to change over.
BRISK: Mapping[str, tuple[Sequence[Step], Sequence[Any]]] = {
    "pings by polling": (
        [*CONNECTED, POLL, post("3"), POLL, post("3"), POLL],
        [(200, ["2"]), (200, ["ok"]), (200, ["2"]), (200, ["ok"]), (200, ["2"])],
    ),
    "pings by WebSocket": (
        [*WEBSOCKET, *(Hear(pings=True), Send(["3"])) * 3, Send([CALL]), Hear()],
        ["2", None, "2", None, "2", None, None, ANSWER],
    ),
    "a change to a WebSocket through which nothing comes": (
        [*CONNECTED, Open(), Hear(), POLL, post("3"), *ALIVE],
        [CLOSED, (200, ["2"]), OK, *ON],
    ),
    "a change to a WebSocket through which nothing comes after its probe": (
        [*CONNECTED, *PROBE, Hear(), POLL, post("3"), *ALIVE],
        [CLOSED, (200, ["2"]), OK, *ON],
    ),
}


@pytest.mark.parametrize("name", SAME)
def test_both_say_the_same(pair: Pair, name: str) -> None:
    """Statuses, codes, packets and frames, step by step."""
    fast, stock, theirs = pair.session(SAME[name])
    assert fast == theirs
    assert stock == theirs


@pytest.mark.parametrize("name", OTHER)
def test_each_says_its_own(pair: Pair, name: str) -> None:
    """Where they differ it is as it is written down, and no more than that."""
    script, ours, others, _why = OTHER[name]
    fast, stock, theirs = pair.session(script)
    assert (fast[-len(ours) :], theirs[-len(others) :]) == (list(ours), list(others))
    assert stock == fast


@pytest.mark.parametrize("name", BRISK)
def test_both_ask_and_wait_alike(pair: Pair, name: str) -> None:
    """Pings come as announced, one for each pong; a WebSocket that is not changed over to in time is closed."""
    script, said = BRISK[name]
    for outcomes in pair.session(script, brisk=True):
        assert outcomes[-len(said) :] == list(said)
