"""Following a task live: prompt, print, ask, and know how it ended; Ctrl-C lets go first and stops second."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from agor_cli.follow.asking import Asker
from agor_cli.follow.printer import TranscriptPrinter
from agor_cli.groups import wants_json
from agor_cli.output import one_line
from agor_cli.words import count, ended_words, reference
from agor_core.errors import NotFound, ServiceError, Unavailable

if TYPE_CHECKING:
    from agor_core.client import LiveClient, Record

ENDED = frozenset({"completed", "failed", "stopped"})
SECOND_CTRL_C_WITHIN_S = 3.0
PAGE = 1000

EVENTS = (
    "messages streaming:chunk",
    "messages created",
    "tasks tool:start",
    "tasks patched",
    "permissions created",
    "permissions patched",
    "sessions removed",
)
INTERRUPTED = "interrupted"
RECONNECTED = "reconnected"
LOST = "lost"
# What is being said: a line of its own for programs, whose events begin in the middle of it.
STREAMS = "sessions streams"

Begin = Callable[["LiveClient"], Awaitable["Record | None"]]
"""Starts what is to be followed; the task, or None to follow whatever the session does."""


@dataclass(frozen=True)
class Outcome:
    """How following ended. `task`: as it was last seen; `is_detached`: the person let go, and it goes on."""

    task: Record | None
    is_detached: bool = False


def follow(
    live: LiveClient,
    session_id: str,
    begin: Begin,
    *,
    shows_prompts: bool = False,
    earlier: int = 0,
    tell: Callable[[str, Record], None] = lambda _event, _record: None,
) -> Outcome:
    """Start something in a session and show it until its task has ended, or until Ctrl-C.

    `earlier`: how many messages from before are shown first, at most; of the task alone where there is one.
    `tell`: is given each event as it is heard.
    """
    return asyncio.run(_follow(live, session_id, begin, shows_prompts, earlier, tell))


async def _follow(
    live: LiveClient,
    session_id: str,
    begin: Begin,
    shows_prompts: bool,
    earlier: int,
    tell: Callable[[str, Record], None],
) -> Outcome:
    async with live, live.events(*EVENTS) as queue:
        live.on_reconnect(lambda recovered: queue.put_nowait((RECONNECTED, recovered)))
        live.on_loss(lambda error: queue.put_nowait((LOST, error)))
        loop = asyncio.get_running_loop()
        with contextlib.suppress(NotImplementedError):  # an event loop without signals leaves Ctrl-C as it is
            loop.add_signal_handler(signal.SIGINT, queue.put_nowait, (INTERRUPTED, None))
        follower = _Follower(live, session_id, queue, shows_prompts, tell)
        try:
            return await follower.run(begin, earlier)
        finally:
            follower.close()
            with contextlib.suppress(NotImplementedError):
                loop.remove_signal_handler(signal.SIGINT)


class _Follower:
    def __init__(
        self,
        live: LiveClient,
        session_id: str,
        queue: asyncio.Queue[tuple[str, Any]],
        shows_prompts: bool,
        tell: Callable[[str, Record], None],
    ) -> None:
        self._live = live
        self._session_id = session_id
        self._queue = queue
        self._tell = tell
        self._task: Record | None = None
        self._printer = TranscriptPrinter(_nothing if wants_json() else _write, shows_prompts=shows_prompts)
        is_interactive = sys.stdin.isatty() and sys.stdout.isatty() and not wants_json()
        self._asker = Asker(self._printer, self._decide, is_interactive=is_interactive)

    def close(self) -> None:
        """Leave the terminal as it was."""
        self._asker.close()
        self._printer.finish()

    async def run(self, begin: Begin, earlier: int) -> Outcome:
        """Follow from the beginning to the end."""
        self._task = await begin(self._live)
        if self._waits:
            self._printer.note(f"waiting its turn ({await self._place_in_queue()})")
        streams = await self._streams()  # asked for before the messages: those are then all that come before them
        if earlier:
            await self._show_earlier(earlier)
        self._show_streams(streams)
        for request in await self._find("permissions", status="pending"):
            self._asker.ask(request)
        while self._task is None or self._task["status"] not in ENDED:
            event, record = await self._queue.get()
            if event == INTERRUPTED:
                if await self._is_interrupted():
                    return Outcome(self._task, is_detached=True)
            elif event == RECONNECTED and record:
                self._queue.put_nowait((STREAMS, await self._streams()))  # behind what is replayed, without its pieces
            elif event == RECONNECTED:
                await self._catch_up()
            elif event == STREAMS:
                self._show_streams(record)
            elif event == LOST:
                raise record
            elif self._is_ours(event, record):
                self._tell(event, record)
                await self._heard(event, record)
            elif self._waits and event == "tasks patched" and record.get("session_id") == self._session_id:
                await self._place_in_queue()  # raises if the one before it ended in a way that pauses the queue
        # The record at the end has what events leave out; the messages came before it.
        return Outcome(await self._read_task())

    @property
    def _waits(self) -> bool:
        return self._task is not None and self._task["status"] == "created"

    def _is_ours(self, event: str, record: Any) -> bool:
        if not isinstance(record, dict) or record.get("session_id") != self._session_id:
            return False
        if event == "messages streaming:chunk":
            # It does not name its task: while ours waits, it belongs to the one before.
            return not self._waits
        return self._task is None or record.get("task_id") in (self._task["task_id"], None)

    async def _heard(self, event: str, record: Record) -> None:
        match event:
            case "messages streaming:chunk":
                await self._hear_chunk(record)
            case "messages created":
                if record.get("truncated"):
                    id = record["message_id"]
                    record = await self._read(lambda: self._live.service("messages").get(id))
                self._printer.message(record)
            case "tasks tool:start":
                tool = (record.get("tool_use_id"), record.get("name"), record.get("input"))
                self._printer.tool(*tool, parent=record.get("parent_tool_use_id"))
            case "tasks patched":
                if self._task is not None:
                    self._task = {**self._task, **record}
                elif record["status"] in ENDED:
                    self._printer.note(f"— {ended_words(record)}")
            case "permissions created":
                self._asker.ask(record)
            case "permissions patched":
                self._asker.settled(record)
            case "sessions removed":
                raise NotFound("the session was removed")

    async def _hear_chunk(self, chunk: Record) -> None:
        if self._printer.misses_before(chunk):
            with contextlib.suppress(NotFound):  # it is finished just now: then its message is on the way
                id = chunk["message_id"]
                partial = await self._read(lambda: self._live.service("messages").read("partial", id))
                self._printer.so_far(partial)
        self._printer.chunk(chunk)

    async def _catch_up(self) -> None:
        """Where events were lost: fetch what may have been missed."""
        streams = await self._streams()
        if self._task is not None:  # before the messages: those of a task that ended are then complete
            self._task = await self._read_task()
        for message in await self._find("messages", index={"$gt": self._printer.last_index}):
            if self._task is None or message.get("task_id") == self._task["task_id"]:
                self._printer.message(message)
        self._show_streams(streams)
        for request in await self._find("permissions", status="pending"):
            self._asker.ask(request)

    async def _streams(self) -> list[Record]:
        """What is being said in the session, as far as it was said."""
        streams: list[Record] = await self._read(
            lambda: self._live.service("sessions").read("streams", self._session_id)
        )
        return streams

    def _show_streams(self, streams: list[Record]) -> None:
        for partial in streams:
            if self._is_ours(STREAMS, partial):
                self._tell(STREAMS, partial)
                self._printer.so_far(partial)

    async def _show_earlier(self, most: int) -> None:
        of_task = {"task_id": self._task["task_id"]} if self._task is not None else {}
        newest_first = await self._find("messages", **of_task, **{"$sort": {"index": -1}, "$limit": most})
        for message in reversed(newest_first):
            self._printer.message(message)

    async def _place_in_queue(self) -> str:
        """How many prompts wait. Raises Unavailable, with what to do, if the queue is paused."""
        queue = await self._read(lambda: self._live.service("sessions").read("queue", self._session_id))
        if queue["paused"] and self._waits:
            raise Unavailable(
                f"the prompt waits: the queue is paused ({one_line(queue.get('reason') or 'no reason given')}); "
                f"`agor session queue {reference(self._session_id)} --resume` goes on"
            )
        return count(len(queue["tasks"]), "prompt")

    async def _find(self, path: str, **query: Any) -> list[Record]:
        wanted = {"session_id": self._session_id, "$limit": PAGE, **query}
        page = await self._read(lambda: self._live.service(path).find(wanted))
        return list(page["data"])

    async def _read_task(self) -> Record:
        assert self._task is not None
        id = self._task["task_id"]
        found: Record = await self._read(lambda: self._live.service("tasks").get(id))
        return found

    async def _read(self, call: Callable[[], Awaitable[Any]]) -> Any:
        """The answer to a call that only reads, asked again if the connection breaks meanwhile."""
        while True:
            try:
                return await call()
            except Unavailable:
                if self._live.is_connected:
                    raise
                await self._live.until_connected()

    async def _decide(self, request_id: str, data: dict[str, Any]) -> None:
        await self._live.service("permissions").call("decide", request_id, data)

    async def _is_interrupted(self) -> bool:
        """Ctrl-C: say how to go on, and give time for a second one. Whether to let go now."""
        if self._task is None:
            return True
        self._printer.finish()
        self._printer.note(f"Let go; the task goes on. Ctrl-C again within {SECOND_CTRL_C_WITHIN_S:.0f} s stops it.")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SECOND_CTRL_C_WITHIN_S):
                while True:
                    event, record = await self._queue.get()
                    if event == INTERRUPTED:
                        break
                    if event == "tasks patched" and self._is_ours(event, record):
                        self._task = {**self._task, **record}
            self._printer.note("stopping…")
            with contextlib.suppress(ServiceError):  # it may have ended by itself just now: then that is the news
                await self._live.service("sessions").call("stop", self._session_id)
            await self._catch_up()  # with what was heard and not shown while it was asked
            return False
        return True


def _write(text: str) -> None:
    click.echo(text, nl=False)


def _nothing(_: str) -> None:
    pass
