"""Requests as no library writes them, to ours and to the official server: what each says, and whether it goes on.

Ours refuses in JSON whatever it refuses; Node's own refusals have no body.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from tests.conformance.twin.conftest import Pair
from tests.conformance.twin.wire import FOLLOWS, Answer, request

pytestmark = pytest.mark.node

JSON = "Content-Type: application/json"
TWO = "Content-Length: 2"
CHUNKED = "Transfer-Encoding: chunked"
UPGRADE = "Connection: Upgrade"
WEBSOCKET = (UPGRADE, "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
H2C = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA")
PREFLIGHT = ("Origin: http://a.b", "Access-Control-Request-Method: POST")
ENGINE = "/socket.io/?EIO=4&transport"
# The connection goes on: the next request on it is answered.
ON = 0


@dataclass(frozen=True)
class Row:
    """What is sent, and the statuses that come, `ON` at the end where the connection goes on.

    `theirs`: where theirs differ, and why they may is in `why`.
    """

    name: str
    sent: Sequence[bytes]
    ours: tuple[int, ...]
    theirs: tuple[int, ...]
    why: str = ""


def same(name: str, sent: bytes | Sequence[bytes], *statuses: int) -> Row:
    """Both say the same."""
    return Row(name, [sent] if isinstance(sent, bytes) else sent, statuses, statuses)


def other(name: str, sent: bytes | Sequence[bytes], ours: Sequence[int], theirs: Sequence[int], why: str) -> Row:
    """Each says something else, on purpose."""
    return Row(name, [sent] if isinstance(sent, bytes) else sent, tuple(ours), tuple(theirs), why)


def get(target: str, *headers: str | bytes, verb: str = "GET", version: str = "1.1") -> bytes:
    """A request without a body."""
    return request(f"{verb} {target} HTTP/{version}", *headers)


def post(*headers: str | bytes, body: bytes = b"{}", target: str = "/echo", version: str = "1.1") -> bytes:
    """A request with a body, whatever its head says of it."""
    return request(f"POST {target} HTTP/{version}", JSON, *headers, body=body)


HTTP = (
    same("a good request", get("/people"), 200, ON),
    same("any service, on no path", get("*", verb="OPTIONS"), 404, ON),
    same("a preflight of everything", get("*", *PREFLIGHT, verb="OPTIONS"), 204, ON),
    same("a preflight", get("/people", *PREFLIGHT, verb="OPTIONS"), 204, ON),
    same("options", get("/people", verb="OPTIONS"), 405, ON),
    same("a verb of WebDAV", get("/people", verb="PROPFIND"), 405, ON),
    same("trace", get("/people", verb="TRACE"), 405, ON),
    same("head", get("/people", verb="HEAD"), 200, ON),
    same("head of nothing", get("/nothing", verb="HEAD"), 404, ON),
    same("an unknown verb", get("/people", verb="FETCH"), 400),
    same("a verb in small letters", get("/people", verb="get"), 400),
    same("a verb with a bracket", get("/people", verb="GE(T"), 400),
    other("a tunnel", get("x:80", verb="CONNECT"), [404, ON], [], "an answer is clearer than a closed connection"),
    other("a tunnel to a service", get("/people", verb="CONNECT"), [405, ON], [], "as above"),
    same("an unknown expectation", post("Expect: more", TWO), 417, ON),
    same("an unknown expectation of the socket", get(f"{ENGINE}=polling", "Expect: more"), 417, ON),
    same("a body on request", post("Expect: 100-continue", TWO), 201, ON),
    same("a body on request, after it", [post("Expect: 100-continue", TWO, body=b""), b"{}"], 201, ON),
    same("HTTP/2 without asking", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    same("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    same("a greeting", b"hello\r\n\r\n", 400),
    same("empty lines before", b"\r\n\r\n" + get("/people"), 200, ON),
    same("HTTP/1.0", [get("/people", version="1.0"), b""], 200),
    same("HTTP/1.0 that stays", get("/people", "Connection: keep-alive", version="1.0"), 200, ON),
    same("HTTP/1.2", get("/people", version="1.2"), 400),
    same("HTTP/2.0", get("/people", version="2.0"), 400),
    same("HTTP/3", get("/people", version="3"), 400),
    same("no host", request("GET /people HTTP/1.1", host=None), 400),
    same("an empty host", request("GET /people HTTP/1.1", host=""), 200, ON),
    other("two hosts", get("/people", "Host: y"), [400], [200, ON], "which of them the guard has seen would be chance"),
    other("a long address", get("/people?a=" + "x" * 20_000), [200, ON], [431], "`$in` with many values"),
    same("an address without end", get("/people?a=" + "x" * 70_000), 431),
    same("a header without end", get("/people", "X-A: " + "x" * 70_000), 431),
    same("headers without end", get("/people", *(f"X-{number}: 1" for number in range(5000))), 431),
    other("many headers", get("/people", *(f"X-{number}: 1" for number in range(200))), [431], [200, ON], "nobody has"),
    same("a bracket in a header's name", get("/people", "X(A: 1"), 400),
    same("a header's name with a space", get("/people", "X-A : 1"), 400),
    same("a header without a colon", get("/people", "XA"), 400),
    same("a header over two lines", get("/people", "X-A: 1\r\n 2"), 400),
    same("a NUL in a header", get("/people", b"X-A: a\0b"), 400),
    same("a control character in a header", get("/people", b"X-A: a\x01b"), 400),
    same("letters beyond ASCII in a header", get("/people", b"X-A: \xe4\xff"), 200, ON),
    same("line feeds alone", b"GET /people HTTP/1.1\nHost: x\n\n", 400),
    same("carriage returns alone", b"GET /people HTTP/1.1\rHost: x\r\r", 400),
    *(
        same(f"a length of {length}", post(f"Content-Length: {length}"), 400)
        for length in ("x", "-1", "+2", "2, 2", "0x2", "9" * 24)
    ),
    same("a length twice", post(TWO, TWO), 400),
    same("two lengths", post(TWO, "Content-Length: 3"), 400),
    same("a length and chunks", post(TWO, CHUNKED, body=b"2\r\n{}\r\n0\r\n\r\n"), 400),
    same("chunks", post(CHUNKED, body=b"2\r\n{}\r\n0\r\n\r\n"), 201, ON),
    same("chunks with extras", post(CHUNKED, body=b"2;a=b\r\n{}\r\n0\r\nX-T: 1\r\n\r\n"), 201, ON),
    same("chunks in HTTP/1.0", [post(CHUNKED, body=b"2\r\n{}\r\n0\r\n\r\n", version="1.0"), b""], 201),
    same("another transfer encoding", post("Transfer-Encoding: gzip"), 400),
    same("the identity for a transfer encoding", post("Transfer-Encoding: identity"), 400),
    same("chunks that are packed", post("Transfer-Encoding: chunked, gzip", body=b"2\r\n{}\r\n0\r\n\r\n"), 400),
    *(
        same(f"chunks like {body!r}", post(CHUNKED, body=body), 400)
        for body in (b"zz\r\n{}\r\n", b"2\r\n{}xx0\r\n\r\n", b"-2\r\n{}\r\n", b"f" * 18 + b"\r\n{}", b" 2\r\n{}\r\n")
    ),
    same("chunks that go wrong later", [post(CHUNKED, body=b"2\r\n{}\r\n"), b"zz\r\n"], 400),
    same("unread chunks that go wrong later", [get("/people", CHUNKED) + b"2\r\n{}\r\n", b"zz\r\n"], 200, 400),
    same(
        "chunks that go wrong while the request before is being answered",
        [post("Content-Length: 13", body=b'{"delay":200}') + post(CHUNKED, body=b"2\r\n{}\r\n"), b"zz\r\n"],
        201,
        400,
    ),
    same("a body that nobody asked for", get("/people", JSON, TWO) + b"{}", 200, ON),
    same("a body with head", get("/people", JSON, TWO, verb="HEAD") + b"{}", 200, ON),
    same("a body with delete", get("/echo/1", JSON, TWO, verb="DELETE") + b"{}", 200, ON),
    same("a body with options", get("/people", JSON, TWO, verb="OPTIONS") + b"{}", 405, ON),
    same("nonsense behind a good request", get("/people") + b"FOO BAR\r\n\r\n", 400),
    other("HTTP/2 for the asking", [get("/people", *H2C), b""], [200, ON], [], "curl --http2 and Java ask each time"),
    other("HTTP/2 for the asking, with a body", [post(*H2C, TWO), b""], [201, ON], [], "as above"),
    other("a WebSocket of a service", [get("/people", *WEBSOCKET), b""], [200, ON], [], "an answer is clearer"),
    other("TLS for the asking", [get("/people", UPGRADE, "Upgrade: TLS/1.0"), b""], [200, ON], [], "as above"),
    same("nothing for the asking", get("/people", UPGRADE), 200, ON),
    same("a whole address", get("http://x/people"), 200, ON),
    same("a whole address without a path", get("http://x"), 404, ON),
    same("a whole address with a query alone", get("http://x?a=1"), 404, ON),
    other("an address without a host", get("http:///people"), [400], [200, ON], "RFC 9110, 4.2.1"),
    other("an address with no port there is", get("http://x:99999/people"), [400], [200, ON], "as above"),
    other("an address of something else", get("ftp://x/people"), [404, ON], [200, ON], "this is no proxy"),
    same("two slashes", get("//people"), 200, ON),
    same("slashes alone", get("///"), 404, ON),
    same("no path", get("/"), 404, ON),
    same("a path without a slash", get("people"), 400),
    same("a query without a path", get("?a=1"), 400),
    same("a fragment", get("/people#x"), 200, ON),
    same("a NUL in a path", request(b"GET /peo\0ple HTTP/1.1"), 400),
    same("letters beyond ASCII in a path", request("GET /echo/ä HTTP/1.1"), 400),
    same("a space in a path", get("/echo/a b"), 400),
    same("a path upwards", get("/people/../echo"), 404, ON),
    same("a backslash", get("\\people"), 400),
    *(same(f"a path with {text}", get(f"/echo/{text}"), 200, ON) for text in ("a%ZZb", "a%", "%FF", "%ED%A0%80")),
    other("a NUL in an id", get("/echo/a%00b"), [200, ON], [200, ON], "an id is decoded"),
    *(same(f"a query with {text}", get(f"/echo?a={text}"), 200, ON) for text in ("%ZZ", "%", "%FF", "%00")),
)  # fmt: skip

ENGINE_IO = (
    same("a handshake", get(f"{ENGINE}=polling"), 200, ON),
    same("a handshake of no transport", get("/socket.io/?EIO=4"), 400, ON),
    *(
        same(f"a handshake of the transport {name}", get(f"{ENGINE}={name}"), 400, ON)
        for name in ("nope", "POLLING", "webtransport", "__proto__", "constructor", "")
    ),
    *(
        same(f"a handshake of the version {version}", get(f"/socket.io/?EIO={version}&transport=polling"), 400, ON)
        for version in ("3", "5", "04", "4.0", "", "x")
    ),
    same("a handshake of no version", get("/socket.io/?transport=polling"), 400, ON),
    same("a handshake of two versions", get("/socket.io/?EIO=4&EIO=3&transport=polling"), 400, ON),
    same("a handshake of two transports", get(f"{ENGINE}=polling&transport=websocket"), 400, ON),
    same("a handshake with an empty session", get(f"{ENGINE}=polling&sid="), 200, ON),
    same("a handshake that asks for base64", get(f"{ENGINE}=polling&b64=1"), 200, ON),
    *(
        same(f"a handshake by {verb}", get(f"{ENGINE}=polling", "Content-Length: 0", verb=verb), 400, ON)
        for verb in ("POST", "PUT", "PATCH", "DELETE", "PROPFIND", "HEAD")
    ),
    same("an unknown session", get(f"{ENGINE}=polling&sid=nope"), 400, ON),
    same("an unknown session is sent something", get(f"{ENGINE}=polling&sid=nope", TWO, verb="POST") + b"40", 400, ON),
    same("a WebSocket without asking for one", get(f"{ENGINE}=websocket"), 400, ON),
    same("a preflight of the socket", get(f"{ENGINE}=polling", *PREFLIGHT, verb="OPTIONS"), 204, ON),
    same("the socket's path without its slash", get("/socket.io?EIO=4&transport=polling"), 404, ON),
    other("options of the socket", get(f"{ENGINE}=polling", verb="OPTIONS"), [400, ON], [204, ON], "no preflight"),
    other("a path below", get("/socket.io/x?EIO=4&transport=polling"), [404, ON], [200, ON], "it is nobody's"),
    other("a whole address of the socket", get(f"http://x{ENGINE}=polling"), [200, ON], [404, ON], "as of services"),
    other("polling JSONP", get(f"{ENGINE}=polling&j=0"), [400, ON], [200, ON], "any page could read it"),
    same("a WebSocket", get(f"{ENGINE}=websocket", *WEBSOCKET) + b"\x88\x80\0\0\0\0", 101),
    *(
        other(f"a WebSocket {name}", get(f"{ENGINE}=websocket", *headers), [400, ON], [400], "nothing is lost with it")
        for name, headers in (
            ("without a key", WEBSOCKET[:3]),
            ("with a key that is none", (*WEBSOCKET[:3], "Sec-WebSocket-Key: x")),
            ("of no version there is", (*WEBSOCKET[:2], "Sec-WebSocket-Version: 99", WEBSOCKET[3])),
        )
    ),
    *(
        other(f"a WebSocket {name}", [get(target, *WEBSOCKET), b""], [400, ON], theirs, "as above")
        for name, target, theirs in (
            ("of an unknown session", f"{ENGINE}=websocket&sid=nope", [400]),
            ("of an unknown transport", f"{ENGINE}=nope", [400]),
            ("of another version", "/socket.io/?EIO=3&transport=websocket", [101]),
        )
    ),
    other("HTTP/2 in place of a WebSocket", [get(f"{ENGINE}=websocket", *H2C), b""], [400, ON], [400], "as above"),
    other("polling that asks for HTTP/2", [get(f"{ENGINE}=polling", *H2C), b""], [200, ON], [400], "as of services"),
)  # fmt: skip


def shown(answers: list[Answer]) -> list[int]:
    """The statuses, `ON` for the answer to what follows."""
    return [
        ON if isinstance(one.body, dict) and one.body.get("query") == {"follows": ""} else one.status for one in answers
    ]


@pytest.mark.parametrize("row", HTTP, ids=lambda row: row.name)
def test_http_as_it_should_not_be(pair: Pair, row: Row) -> None:
    """Statuses, bodies where both have one, and whether the connection goes on."""
    ours, theirs = pair.exchange([*row.sent[:-1], row.sent[-1] + FOLLOWS])
    assert (shown(ours), shown(theirs)) == (list(row.ours), list(row.theirs))
    for answer in ours:
        if answer.status >= 400 and not row.sent[0].startswith(b"HEAD"):
            assert (answer.type, answer.body["code"]) == ("application/json", answer.status)
            assert answer.body.keys() >= {"name", "message", "className"}
    if not row.why:
        for here, there in zip(ours, theirs, strict=True):
            if there.type == "application/json" and there.body:
                assert here == there


@pytest.mark.parametrize("row", ENGINE_IO, ids=lambda row: row.name)
def test_handshakes_as_they_should_not_be(pair: Pair, row: Row) -> None:
    """Statuses, and the codes by which clients of Engine.IO know what is wrong."""
    ours, theirs = pair.exchange([*row.sent[:-1], row.sent[-1] + FOLLOWS])
    assert (shown(ours), shown(theirs)) == (list(row.ours), list(row.theirs))
    if ours[0].status == theirs[0].status == 400 and ours[0].body and theirs[0].type == "application/json":
        assert (ours[0].type, ours[0].body["code"]) == (theirs[0].type, theirs[0].body["code"])
