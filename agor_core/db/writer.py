"""The one thread that writes to a database with one writer; what has queued up together is committed together.

A commit costs as much as a small unit of work, so that under a burst most of the time goes into commits. If one of a
group fails, its neighbours do not fail with it: the group is undone, and each is done again by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from agor_core.db.transaction import Transaction

log = logging.getLogger(__name__)

T = TypeVar("T")
Work = Callable[["Transaction"], Any]

MOST_TOGETHER: Final = 128
# Who came first in a group waits for all of it.
LONGEST_GROUP_S: Final = 0.02
IDLE_S: Final = 1.0


@dataclass(slots=True)
class _Job:
    work: Work
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]


_Outcome = tuple[_Job, Any, BaseException | None]


class Writer:
    """Runs units of work in its thread. `together`: run these in one transaction; `alone`: run one in its own.

    `when_idle` is called in the thread once nothing was written for a second.
    """

    def __init__(
        self,
        together: Callable[[Iterable[Work]], Sequence[Any]],
        alone: Callable[[Work], Any],
        when_idle: Callable[[], None],
    ) -> None:
        self._together = together
        self._alone = alone
        self._when_idle = when_idle
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="db-writer", daemon=True)
        self._thread.start()

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """What `work` answers, once it is committed. It may run a second time if a neighbour failed.

        Raises RuntimeError once the writer was closed: nobody would ever do it.
        """
        if self._is_closed:
            raise RuntimeError("the database is closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._queue.put(_Job(work, loop, future))
        return await future

    def close(self) -> None:
        """Do what waits, and end the thread."""
        self._is_closed = True
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        is_idle = True
        while True:
            try:
                job = self._queue.get(timeout=None if is_idle else IDLE_S)
            except queue.Empty:
                is_idle = True
                self._rest()
                continue
            if job is None:
                return
            is_idle = False
            self._do(job)

    def _rest(self) -> None:
        try:
            self._when_idle()
        except Exception:
            # The thread goes on: without it nothing would be written any more, and nobody would be told.
            log.exception("what is done while nobody writes failed")

    def _do(self, first: _Job) -> None:
        taken: list[_Job] = []
        try:
            answers = self._together(self._queued(first, taken))
            outcomes: list[_Outcome] = [(job, answer, None) for job, answer in zip(taken, answers, strict=True)]
        except Exception as error:
            if not taken:
                # Not even begun: the database cannot be written, and nobody need wait to be told so again.
                outcomes = [(job, None, error) for job in (first, *self._waiting())]
            elif len(taken) == 1:
                outcomes = [(taken[0], None, error)]
            else:
                outcomes = [self._done_alone(job) for job in taken]
        by_loop: dict[asyncio.AbstractEventLoop, list[_Outcome]] = {}
        for outcome in outcomes:
            by_loop.setdefault(outcome[0].loop, []).append(outcome)
        for loop, told in by_loop.items():
            try:
                loop.call_soon_threadsafe(_settle, told)
            except RuntimeError:
                continue  # the loop was closed, and nobody waits there any more

    def _queued(self, first: _Job, taken: list[_Job]) -> Iterator[Work]:
        """The first, and what waits behind it; `taken` is filled with what was given out."""
        begun = time.monotonic()
        job: _Job | None = first
        while job is not None:
            if not job.future.cancelled():  # nobody waits for it, and nothing of it was done
                taken.append(job)
                yield job.work
            if len(taken) >= MOST_TOGETHER or time.monotonic() - begun > LONGEST_GROUP_S:
                return
            try:
                job = self._queue.get_nowait()
            except queue.Empty:
                return
            if job is None:
                self._queue.put(None)  # the end comes behind this group

    def _waiting(self) -> Iterator[_Job]:
        with contextlib.suppress(queue.Empty):
            while (job := self._queue.get_nowait()) is not None:
                yield job
            self._queue.put(None)  # the end comes behind them

    def _done_alone(self, job: _Job) -> _Outcome:
        try:
            return job, self._alone(job.work), None
        except Exception as error:
            return job, None, error


def _settle(outcomes: Sequence[_Outcome]) -> None:
    for job, answer, error in outcomes:
        if job.future.done():
            continue  # who asked has gone
        if error is not None:
            job.future.set_exception(error)
        else:
            job.future.set_result(answer)
