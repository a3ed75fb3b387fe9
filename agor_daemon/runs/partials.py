"""The text so far of messages that are streaming, on whichever daemon of this database the agent works.

A message under way is in the memory of the daemon that runs its agent, and nowhere else. Who is asked for one that
does not stream here asks the daemons that run something; each of them answers, be it with nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
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
FindHere = Callable[[str, str], list[Record]]
"""The messages that stream on this daemon and have this id in that field, which is `message_id` or `session_id`."""


@dataclass
class _Question:
    """Which daemons have yet to answer, and what one of them found; nothing once all of them found nothing."""

    left: set[str]
    answer: asyncio.Future[list[Record]]


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
        found = await self._find("message_id", message_id)
        if not found:
            raise NotFound(f"message {short(message_id)} is not streaming", message_id=message_id)
        return found[0]

    async def of_session(self, session_id: str) -> list[Record]:
        """All messages of the session that are streaming, as far as they were said, in their order.

        Raises Unavailable if a daemon that may know does not answer.
        """
        found = await self._find("session_id", session_id, session_id=session_id)
        return sorted(found, key=lambda message: int(message["message_index"]))

    async def _find(self, field: str, id: str, **of_task: Any) -> list[Record]:
        """`of_task`: what is known of the tasks that may be saying it."""
        if here := self._find_here(field, id):
            return here
        for _ in range(MOST_ASKINGS):
            others = await self._working_elsewhere(of_task)
            try:
                return await self._ask(others, field, id) if others else []
            except TimeoutError:
                continue
        what = f"{field.removesuffix('_id')} {short(id)}"
        raise Unavailable(f"another daemon may be streaming {what} and does not answer; try again", data={field: id})

    async def _working_elsewhere(self, of_task: Mapping[str, Any]) -> set[str]:
        """The other daemons that run something, or such a task, and live."""
        peers = self._database.peers

        def unit_of_work(tx: Transaction) -> set[str]:
            if not tx.is_postgresql:
                return set()  # nobody else is there
            ids = {task.data.daemon_id for task in tx.tasks.where(status=RUNNING, **of_task)}
            return {id for id in ids if id is not None and id != peers.id and peers.is_living(tx, id)}

        return await self._database.read(unit_of_work)

    async def _ask(self, others: set[str], field: str, id: str) -> list[Record]:
        question_id, question = new_id(), _Question(others, asyncio.get_running_loop().create_future())
        self._questions[question_id] = question
        try:
            self._database.peers.tell(ASKED, {"question": question_id, "field": field, "id": id})
            async with asyncio.timeout(AGAIN_S):
                return await question.answer
        finally:
            del self._questions[question_id]

    def _asked(self, told: Record) -> None:
        """Another daemon wants to know of a message, or of all that a session says."""
        answer = {"question": told["question"], "from": self._database.peers.id}
        found = self._find_here(told["field"], told["id"])
        self._database.peers.tell(ANSWERED, {**answer, "found": found}, MOST_ANSWERED_BYTES)

    def _answered(self, told: Record) -> None:
        question = self._questions.get(told["question"])
        if question is None or question.answer.done():
            return  # somebody else asked, or has heard enough
        question.left.discard(told["from"])
        if told["found"] or not question.left:
            question.answer.set_result(told["found"])
