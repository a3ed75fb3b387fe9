"""Units of work on their way to a thread and back to the loop where somebody waits: one hop each way."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from agor_core.db.transaction import Transaction

T = TypeVar("T")
Work = Callable[["Transaction"], Any]


@dataclass(slots=True)
class Job:
    """A unit of work, and who waits for it."""

    work: Work
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]


Outcome = tuple[Job, Any, BaseException | None]
"""(the job, what it answered, what it failed with)"""


async def done_by(jobs: queue.SimpleQueue[Job | None], work: Callable[[Transaction], T]) -> T:
    """What `work` answers, once a thread that takes from `jobs` has done it."""
    loop = asyncio.get_running_loop()
    job = Job(work, loop, loop.create_future())
    jobs.put(job)
    answer: T = await job.future
    return answer


def tell(outcomes: Iterable[Outcome]) -> None:
    """Called in a thread: let those who wait know, in one turn of their loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Outcome]] = {}
    for outcome in outcomes:
        by_loop.setdefault(outcome[0].loop, []).append(outcome)
    for loop, told in by_loop.items():
        try:
            loop.call_soon_threadsafe(_settle, told)
        except RuntimeError:
            continue  # the loop was closed, and nobody waits there any more


def closed() -> RuntimeError:
    """The error of a job that nobody would ever do."""
    return RuntimeError("the database is closed")


def _settle(outcomes: Iterable[Outcome]) -> None:
    for job, answer, error in outcomes:
        if job.future.done():
            continue  # who asked has gone
        if error is not None:
            job.future.set_exception(error)
        else:
            job.future.set_result(answer)


class Workers:
    """Some threads that do jobs side by side, with `do`.

    The standard library's executor makes two futures for each job and chains them, which takes as long as a query.
    """

    def __init__(self, name: str, count: int, do: Callable[[Work], Any]) -> None:
        self._do = do
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._is_closed = False
        self._threads = [threading.Thread(target=self._run, name=f"{name}-{nth}", daemon=True) for nth in range(count)]
        self._have_begun = False

    async def run(self, work: Callable[[Transaction], T]) -> T:
        """What `work` answers. Raises RuntimeError once the workers were closed."""
        if self._is_closed:
            raise closed()
        if not self._have_begun:
            self._begin()
        return await done_by(self._queue, work)

    def close(self) -> None:
        """Do what waits, and end the threads."""
        self._is_closed = True
        if self._have_begun:
            for _ in self._threads:
                self._queue.put(None)
            for thread in self._threads:
                thread.join()

    def _begin(self) -> None:
        # Programs that have no loop never need them.
        self._have_begun = True
        for thread in self._threads:
            thread.start()

    def _run(self) -> None:
        while self._did_next():
            pass

    def _did_next(self) -> bool:
        """Wait for a job and do it; False at the end. A function of its own, so that a thread that waits holds nothing
        of the job it did last, whose answer may be large."""
        job = self._queue.get()
        if job is None:
            return False
        if not job.future.cancelled():  # else nobody waits for it
            try:
                outcome: Outcome = job, self._do(job.work), None
            except BaseException as error:  # whatever it is, who waits must be told
                outcome = job, None, error
            tell([outcome])
        return True
