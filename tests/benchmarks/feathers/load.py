"""The load: raw sockets on one epoll, in a process that is not the server's.

What arrives is counted by its bytes or by a mark, never parsed, so that a delivery costs the load about as much as the
system call that reads it: less than any of the servers spends on sending it. While it measures it never sleeps: waking
a reader on the same machine costs the sender more than sending, and remote readers do not cost that.
"""

from __future__ import annotations

import json
import select
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

PAYLOAD: dict[str, Any] = {
    "kind": "message",
    "text": "The quick brown fox jumps over the lazy dog. " * 31,
    "tags": ["a", "b", "c"],
}
"""1.5 kB, as a transcript entry has."""

HANDSHAKE = (
    b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
# So many handshakes are under way at once in a storm; Node's backlog is 511.
AT_ONCE = 128
# A server that goes this long without the answer that is waited for has failed.
PATIENCE_S = 30.0
STEP_BYTES = 256 * 1024


@dataclass(slots=True)
class Delays:
    """How long operations took."""

    seconds: list[float] = field(default_factory=list)

    def at(self, part: float) -> float:
        """The delay in ms that `part` of them do not exceed."""
        ordered = sorted(self.seconds)
        return ordered[min(int(len(ordered) * part), len(ordered) - 1)] * 1000 if ordered else 0.0


class Crowd:
    """Connections, by file descriptor, and the epoll that says who has something to read."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.peers: dict[int, socket.socket] = {}
        self.epoll = select.epoll()

    def __enter__(self) -> Crowd:
        return self

    def __exit__(self, *_: object) -> None:
        self.epoll.close()
        for peer in self.peers.values():
            peer.close()

    def open(self, *, receive_bytes: int | None = None) -> socket.socket:
        """One TCP connection, watched from now on."""
        peer = socket.socket()
        if receive_bytes is not None:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        peer.connect(("127.0.0.1", self._port))
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer.setblocking(False)
        self.peers[peer.fileno()] = peer
        self.epoll.register(peer.fileno(), select.EPOLLIN)
        return peer

    def join(self, count: int, *, receive_bytes: int | None = None) -> list[socket.socket]:
        """`count` more clients of Socket.IO, admitted; at most `AT_ONCE` on their way at a time."""
        joined: list[socket.socket] = []
        heard: dict[int, bytes] = {}
        deadline = time.perf_counter() + PATIENCE_S
        while len(joined) < count:
            while len(heard) < AT_ONCE and len(joined) + len(heard) < count:
                peer = self.open(receive_bytes=receive_bytes)
                peer.send(HANDSHAKE)
                heard[peer.fileno()] = b""
            for fd, _ in self.epoll.poll(1.0):
                if fd not in heard:
                    continue
                said = self.peers[fd].recv(65536)
                if not said:
                    raise RuntimeError("a server closed a connection that was being opened")
                before, text = heard[fd], heard[fd] + said
                if b'40{"sid"' in text:
                    joined.append(self.peers[fd])
                    del heard[fd]
                    continue
                heard[fd] = text
                # Only now: Node loses what comes together with the handshake.
                if b'0{"sid"' in text and b'0{"sid"' not in before:
                    self.peers[fd].send(frame("40"))
            if time.perf_counter() > deadline:
                raise RuntimeError(f"only {len(joined)} of {count} clients were admitted")
        return joined

    def quiet(self, seconds: float = 0.2) -> dict[int, int]:
        """Read until nothing comes for so long; the bytes each has got."""
        got = dict.fromkeys(self.peers, 0)
        while ready := self.epoll.poll(seconds):
            for fd, _ in ready:
                got[fd] += len(self.peers[fd].recv(STEP_BYTES))
        return got


@dataclass(slots=True)
class Heard:
    """What a fan-out came to: deliveries, events that reached everybody, and the time each delivery took."""

    deliveries: int
    events: int
    took_s: float
    delays: Delays


def event_bytes(crowd: Crowd, readers: Iterable[socket.socket], message: bytes) -> int:
    """How long one event is on the wire; it is the same for every reader and every event."""
    readers = list(readers)
    readers[0].send(message)
    got = dict.fromkeys((reader.fileno() for reader in readers), 0)
    deadline = time.perf_counter() + PATIENCE_S
    while 0 in got.values() or len(set(got.values())) > 1:
        for fd, size in crowd.quiet().items():
            got[fd] += size
        if time.perf_counter() > deadline:
            raise RuntimeError(f"clients got {sorted(set(got.values()))} bytes for one event")
    return next(iter(got.values()))


def tell_all(
    crowd: Crowd,
    readers: list[socket.socket],
    message: bytes,
    size: int,
    seconds: float,
    *,
    window: int = 1,
    rate: float | None = None,
) -> Heard:
    """Events to all `readers`, of `size` bytes each: `window` of them under way, or `rate` a second whatever happens.

    Latencies are taken of every delivery, from the sending of the call that causes it.
    """
    got = {reader.fileno(): 0 for reader in readers}
    receive = {reader.fileno(): reader.recv_into for reader in readers}
    sent_at: list[float] = []
    # How many readers have the event of that number.
    reached: list[int] = []
    delays = Delays()
    late, clock, poll = delays.seconds.append, time.perf_counter, crowd.epoll.poll
    buffer = bytearray(STEP_BYTES)
    everybody, done, under_way, deliveries = len(readers), 0, 0, 0
    start = clock()
    end, last = start + seconds, start + seconds + PATIENCE_S
    while True:
        now = clock()
        due = int((now - start) * rate) + 1 - len(sent_at) if rate is not None else window - under_way
        if now < end:
            for _ in range(due):
                sent_at.append(clock())
                reached.append(0)
                under_way += 1
                readers[0].send(message)
        elif not under_way:
            break
        elif now > last:
            raise RuntimeError(f"{under_way} events were not delivered")
        for fd, _ in poll(0):
            if fd not in receive:
                continue
            before = got[fd]
            count = receive[fd](buffer)
            if not count:
                raise RuntimeError("a reader was dropped")
            got[fd] = after = before + count
            now = clock()
            for number in range(before // size, after // size):
                deliveries += 1
                late(now - sent_at[number])
                reached[number] += 1
                if reached[number] == everybody:
                    done += 1
                    under_way -= 1
    return Heard(deliveries, done, clock() - start, delays)


@dataclass(slots=True)
class Answered:
    """What a closed loop of calls came to."""

    answers: int
    took_s: float
    delays: Delays


def call_all(
    crowd: Crowd,
    peers: list[socket.socket],
    message: bytes,
    in_flight: int,
    seconds: float,
    count: Callable[[bytes], tuple[int, bytes]],
) -> Answered:
    """Each of `peers` has `in_flight` calls under way, each answer is followed by the next call.

    `count` says how many answers are complete in some bytes, and which bytes are left.
    """
    tails = {peer.fileno(): b"" for peer in peers}
    sent_at: dict[int, deque[float]] = {peer.fileno(): deque() for peer in peers}
    delays = Delays()
    clock, answers, under_way = time.perf_counter, 0, 0
    start = clock()
    end, last = start + seconds, start + seconds + PATIENCE_S
    for peer in peers:
        sent_at[peer.fileno()].extend([clock()] * in_flight)
        peer.send(message * in_flight)
        under_way += in_flight
    while under_way:
        for fd, _ in crowd.epoll.poll(0):
            if fd not in tails:
                continue
            peer = crowd.peers[fd]
            said = peer.recv(STEP_BYTES)
            if not said:
                raise RuntimeError("the server closed a connection")
            complete, tails[fd] = count(tails[fd] + said if tails[fd] else said)
            if not complete:
                continue
            now, waiting = clock(), sent_at[fd]
            answers += complete
            under_way -= complete
            for _ in range(complete):
                delays.seconds.append(now - waiting.popleft())
            if now < end:
                waiting.extend([now] * complete)
                peer.send(message * complete)
                under_way += complete
        if clock() > last:
            raise RuntimeError(f"{under_way} calls were not answered")
    return Answered(answers, clock() - start, delays)


def count_answers(text: bytes) -> tuple[int, bytes]:
    """Answers of Socket.IO that are complete in `text`; frames of a server are not masked."""
    count, at, size = 0, 0, len(text)
    while size - at >= 2:
        length, head = text[at + 1], 2
        if length == 126:
            length, head = int.from_bytes(text[at + 2 : at + 4], "big"), 4
        elif length == 127:
            length, head = int.from_bytes(text[at + 2 : at + 10], "big"), 10
        if size - at < head + length:
            break
        if text.startswith(b"43", at + head):
            if not text.startswith(b"430[null,", at + head):
                raise RuntimeError(f"a call failed: {text[at + head : at + head + 200]!r}")
            count += 1
        at += head + length
    return count, text[at:]


def count_responses(text: bytes) -> tuple[int, bytes]:
    """Responses of HTTP that are complete in `text`."""
    count, at = 0, 0
    while (end := text.find(b"\r\n\r\n", at)) >= 0:
        head = text[at:end].lower()
        if not head.startswith(b"http/1.1 20"):
            raise RuntimeError(f"a request failed: {text[at : at + 200]!r}")
        where = head.find(b"content-length: ")
        length = int(head[where + 16 :].split(b"\r\n", 1)[0])
        if len(text) < end + 4 + length:
            break
        at = end + 4 + length
        count += 1
    return count, text[at:]


def frame(text: str) -> bytes:
    """A masked frame with a mask of zeros."""
    payload = text.encode()
    size = len(payload)
    head = b"\x81" + (bytes((0x80 | size,)) if size < 126 else b"\xfe" + size.to_bytes(2, "big"))
    return head + b"\0\0\0\0" + payload


def socket_call(*call: Any) -> bytes:
    """A call over Socket.IO that wants an answer."""
    return frame("420" + json.dumps(call))


def request(verb: str, path: str, body: Any = None) -> bytes:
    """A request over HTTP."""
    raw = b"" if body is None else json.dumps(body).encode()
    head = f"{verb} {path} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n"
    if raw:
        head += f"Content-Type: application/json\r\nContent-Length: {len(raw)}\r\n"
    return (head + "\r\n").encode() + raw
