"""The text so far of messages that are streaming, on whichever daemon of this database the agent works.

A message under way is in the memory of the daemon that runs its agent, and nowhere else. Who is asked for one that
does not stream here asks the daemons that run something; each of them answers, be it with nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from agor_core.db import Database, Transaction
from agor_core.errors import NotFound, Unavailable
from agor_core.ids import new_id, short
from agor_daemon.runs.records import RUNNING

ASKED: Final = "partial"
ANSWERED: Final = "partial answer"
# What is told can be lost while a connection is: it is asked again.
AGAIN_S: Final = 2.0
MOST_ASKINGS: Final = 3
# Longer than any model answers in one message.
MOST_ANSWERED_BYTES: Final = 2_000_000

Record = dict[str, Any]
FindHere = Callable[[str], Record | None]
"""The message of that id, if it streams on this daemon."""


@dataclass
class _Question:
    """Which daemons have yet to answer, and what one of them found; None once all of them found nothing."""

    left: set[str]
    answer: asyncio.Future[Record | None]


class Partials:
    """Finds messages that are streaming, here or on another daemon, and tells the others of those here."""

    def __init__(self, database: Database, find_here: FindHere) -> None:
        self._database = database
        self._find_here = find_here
        self._questions: dict[str, _Question] = {}
        database.peers.subscribe(ASKED, self._asked)
        database.peers.subscribe(ANSWERED, self._answered)

    async def find(self, message_id: str) -> Record:
        """The message as far as it was said. Raises NotFound if it is not streaming.

        Raises Unavailable if a daemon that may know does not answer.
        """
        if (here := self._find_here(message_id)) is not None:
            return here
        for _ in range(MOST_ASKINGS):
            others = await self._working_elsewhere()
            try:
                found = await self._ask(others, message_id) if others else None
            except TimeoutError:
                continue
            if found is None:
                raise NotFound(f"message {short(message_id)} is not streaming", message_id=message_id)
            return found
        raise Unavailable(
            f"another daemon may be streaming message {short(message_id)} and does not answer; try again",
            message_id=message_id,
        )

    async def _working_elsewhere(self) -> set[str]:
        """The other daemons that run something and live."""
        peers = self._database.peers

        def unit_of_work(tx: Transaction) -> set[str]:
            if not tx.is_postgresql:
                return set()  # nobody else is there
            ids = {task.data.daemon_id for task in tx.tasks.where(status=RUNNING)}
            return {id for id in ids if id is not None and id != peers.id and peers.is_living(tx, id)}

        return await self._database.read(unit_of_work)

    async def _ask(self, others: set[str], message_id: str) -> Record | None:
        id, question = new_id(), _Question(others, asyncio.get_running_loop().create_future())
        self._questions[id] = question
        try:
            self._database.peers.tell(ASKED, {"question": id, "message_id": message_id})
            async with asyncio.timeout(AGAIN_S):
                return await question.answer
        finally:
            del self._questions[id]

    def _asked(self, told: Record) -> None:
        """Another daemon wants to know of a message."""
        answer = {"question": told["question"], "from": self._database.peers.id}
        found = self._find_here(told["message_id"])
        self._database.peers.tell(ANSWERED, {**answer, "found": found}, MOST_ANSWERED_BYTES)

    def _answered(self, told: Record) -> None:
        question = self._questions.get(told["question"])
        if question is None or question.answer.done():
            return  # somebody else asked, or has heard enough
        question.left.discard(told["from"])
        if told["found"] is not None or not question.left:
            question.answer.set_result(told["found"])
