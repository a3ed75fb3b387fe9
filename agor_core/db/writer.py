"""The one thread that writes to a database with one writer; what has queued up together is committed together.

A commit costs as much as a small unit of work, so that under a burst most of the time goes into commits. If one of a
group fails, its neighbours do not fail with it: the group is undone, and each is done again by itself.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

from agor_core.db.jobs import Job, News, Outcome, Work, closed, done_by, tell

if TYPE_CHECKING:
    from agor_core.db.transaction import Transaction

log = logging.getLogger(__name__)

T = TypeVar("T")
MOST_TOGETHER: Final = 128
# Who came first in a group waits for all of it.
LONGEST_GROUP_S: Final = 0.02
# An agent that streams its answer has many a pause of this length, and hardly a longer one.
PAUSE_S: Final = 0.05
IDLE_S: Final = 1.0


class Writer:
    """Runs units of work in its thread. `together`: run these in one transaction; `alone`: run one in its own.

    `news`: what of it comes before the answers. `rests`: what is called in the thread, one after the other, each once
    nothing was written for so many seconds more.
    """

    def __init__(
        self,
        together: Callable[[Iterable[Work]], Sequence[Any]],
        alone: Callable[[Work], Any],
        news: News,
        rests: Sequence[tuple[float, Callable[[], None]]] = (),
    ) -> None:
        self._together = together
        self._alone = alone
        self._news = news
        self._rests = rests
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="db-writer", daemon=True)
        self._thread.start()

    async def run(self, work: Callable[[Transaction], T]) -> T:
        """What `work` answers, once it is committed. It may run a second time if a neighbour failed.

        Raises RuntimeError once the writer was closed: nobody would ever do it.
        """
        if self._is_closed:
            raise closed()
        return await done_by(self._queue.put, work)

    def is_waited_for(self) -> bool:
        """Whether there is something to write."""
        return not self._queue.empty()

    def close(self) -> None:
        """Do what waits, and end the thread."""
        self._is_closed = True
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        left: list[tuple[float, Callable[[], None]]] = []
        while True:
            try:
                job = self._queue.get(timeout=left[0][0] if left else None)
            except queue.Empty:
                self._rest(left.pop(0)[1])
                continue
            if job is None:
                return
            self._do(job)
            del job  # its answer may be large, and the wait for the next job long
            left = list(self._rests)

    @staticmethod
    def _rest(do: Callable[[], None]) -> None:
        try:
            do()
        except Exception:
            # The thread goes on: without it nothing would be written any more, and nobody would be told.
            log.exception("what is done while nobody writes failed")

    def _do(self, first: Job) -> None:
        taken: list[Job] = []
        try:
            answers = self._together(self._queued(first, taken))
            outcomes: list[Outcome] = [(job, answer, None) for job, answer in zip(taken, answers, strict=True)]
        except Exception as error:
            if not taken:
                # Not even begun: the database cannot be written, and nobody need wait to be told so again.
                outcomes = [(job, None, error) for job in (first, *self._waiting())]
            elif len(taken) == 1:
                outcomes = [(taken[0], None, error)]
            else:
                outcomes = [self._done_alone(job) for job in taken]
        tell(outcomes, self._news())

    def _queued(self, first: Job, taken: list[Job]) -> Iterator[Work]:
        """The first, and what waits behind it; `taken` is filled with what was given out."""
        begun = time.monotonic()
        job: Job | None = first
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

    def _waiting(self) -> Iterator[Job]:
        with contextlib.suppress(queue.Empty):
            while (job := self._queue.get_nowait()) is not None:
                yield job
            self._queue.put(None)  # the end comes behind them

    def _done_alone(self, job: Job) -> Outcome:
        try:
            return job, self._alone(job.work), None
        except Exception as error:
            return job, None, error
