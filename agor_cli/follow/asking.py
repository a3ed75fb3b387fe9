"""Permission questions at the terminal: shown, answered, or answered by somebody else meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from agor_cli.follow.printer import TranscriptPrinter
from agor_cli.follow.questions import described, understood
from agor_cli.words import reference

if TYPE_CHECKING:
    from agor_core.client import Record

CHOICES = "allow? [y]es, [n]o (and why), [a]lways in this session: "

Decide = Callable[[str, dict[str, Any]], Coroutine[Any, Any, None]]
"""Sends an answer: the request's id, and the data of `decide`."""


class Asker:
    """Asks one question at a time. Without a person at the keyboard it says how to answer from elsewhere."""

    def __init__(self, printer: TranscriptPrinter, decide: Decide, *, is_interactive: bool) -> None:
        self._printer = printer
        self._decide = decide
        self._is_interactive = is_interactive
        self._waiting: list[Record] = []
        self._sending: set[asyncio.Task[None]] = set()

    def ask(self, request: Record) -> None:
        """A request is pending."""
        if any(one["request_id"] == request["request_id"] for one in self._waiting):
            return
        if not self._is_interactive:
            self._printer.note(described(request), "magenta")
            id = reference(request["request_id"])
            self._printer.note(f"waiting for an answer: `agor permission allow {id}` or `agor permission deny {id}`")
            return
        self._waiting.append(request)
        if len(self._waiting) == 1:
            self._show()

    def settled(self, request: Record) -> None:
        """A request was decided, here or elsewhere."""
        if self._waiting and self._waiting[0]["request_id"] == request["request_id"]:
            print()  # the question's own line is still open
            self._printer.note(f"answered elsewhere: {request['status']}")
            self._next()
        else:
            self._waiting = [one for one in self._waiting if one["request_id"] != request["request_id"]]

    def close(self) -> None:
        """Ask no more."""
        if self._waiting:
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            self._waiting.clear()

    def _show(self) -> None:
        self._printer.note(described(self._waiting[0]), "magenta")
        print(CHOICES, end="", flush=True)
        # A reader, not a thread: nothing is left hanging when the answer comes from another screen.
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), self._read)

    def _read(self) -> None:
        line = sys.stdin.readline()
        if not line:
            id = reference(self._waiting[0]["request_id"])
            self._printer.note(f"no more input; answer with `agor permission allow {id}`")
            self._is_interactive = False
            self.close()
            return
        answer = understood(line)
        if answer is None:
            print(CHOICES, end="", flush=True)
            return
        request = self._waiting[0]
        data: dict[str, Any] = {"allow": answer.allow, "scope": answer.scope}
        if answer.reason is not None:
            data["reason"] = answer.reason
        sending = asyncio.create_task(self._decide(request["request_id"], data), name="answer to a permission request")
        self._sending.add(sending)
        sending.add_done_callback(self._sent)
        self._next()

    def _sent(self, sending: asyncio.Task[None]) -> None:
        self._sending.discard(sending)
        with contextlib.suppress(asyncio.CancelledError):
            if (error := sending.exception()) is not None:
                self._printer.note(f"not taken: {error}", "red")

    def _next(self) -> None:
        self._waiting.pop(0)
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        if self._waiting:
            self._show()
