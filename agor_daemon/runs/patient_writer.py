"""What a run has to store is stored as soon as the database can: it is not to be had a second time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any, Final, TypeVar

from agor_core.db import Database, Transaction
from agor_core.errors import Unavailable

log = logging.getLogger(__name__)

T = TypeVar("T")
RETRY_S: Final = 1.0


class PatientWriter:
    """Writes one thing after the other, each again and again while the database is full, locked or away.

    The agent waits meanwhile, since nobody hears it. `hurry` ends that: what cannot be stored then raises.
    """

    def __init__(self, database: Database, what: str) -> None:
        """`what`: whose writing it is, for the log."""
        self._database = database
        self._what = what
        # What waits to be stored comes before what came later, though others have given up to wait for it.
        self._turn = asyncio.Lock()
        self._hurry = asyncio.Event()
        self._is_held_up = asyncio.Event()
        self.trouble: str | None = None
        """Why something waits now."""

    async def write(self, unit_of_work: Callable[[Transaction], T]) -> T:
        """What it answers, once it is committed. Raises Unavailable if that fails after `hurry`."""
        async with self._turn:
            while True:
                is_last = self._hurry.is_set()
                try:
                    answer = await self._database.write(unit_of_work)
                except Unavailable as error:
                    self._note(error.message)
                    if is_last:
                        raise
                else:
                    self._note(None)
                    return answer
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._hurry.wait(), RETRY_S)

    async def write_in_any_case(self, unit_of_work: Callable[[Transaction], T]) -> T:
        """The same, and it goes on where who waits for it is cancelled."""
        writing = asyncio.ensure_future(self.write(unit_of_work))
        # Where nobody waits any more, nobody would ask how it went.
        writing.add_done_callback(lambda done: None if done.cancelled() else done.exception())
        return await asyncio.shield(writing)

    def hurry(self) -> None:
        """From now on nothing is waited for."""
        self._hurry.set()

    async def ended_or_held_up(self, run: asyncio.Task[Any]) -> None:
        """Wait until the run has ended, or something it has to store waits."""
        held_up = asyncio.ensure_future(self._is_held_up.wait())
        try:
            await asyncio.wait((run, held_up), return_when=asyncio.FIRST_COMPLETED)
        finally:
            held_up.cancel()

    def _note(self, trouble: str | None) -> None:
        if trouble is not None:
            if self.trouble is None:
                log.warning("%s waits until it can be stored: %s", self._what, trouble)
            self._is_held_up.set()
        elif self.trouble is not None:
            log.info("%s is stored again", self._what)
            self._is_held_up.clear()
        self.trouble = trouble
