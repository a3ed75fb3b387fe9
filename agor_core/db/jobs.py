"""Units of work on their way to a thread and back to the loop where somebody waits: one hop each way."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from agor_core.db.transaction import Transaction

log = logging.getLogger(__name__)

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
Word = tuple[asyncio.AbstractEventLoop, Callable[[], None]]
"""What is to be called on a loop."""
News = Callable[[], Word | None]
"""What has to be said before those who wrote are answered, if there is anything."""


def no_news() -> None:
    """The news of who writes nothing."""


async def done_by(put: Callable[[Job], None], work: Callable[[Transaction], T]) -> T:
    """What `work` answers, once the thread that takes what is `put` has done it."""
    loop = asyncio.get_running_loop()
    job = Job(work, loop, loop.create_future())
    put(job)
    answer: T = await job.future
    return answer


def tell(outcomes: Iterable[Outcome], news: Word | None = None) -> None:
    """Called in a thread: let those who wait know, after the news, in one turn of their loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Callable[[], None]]] = {}
    if news is not None:
        by_loop[news[0]] = [news[1]]
    for job, answer, error in outcomes:
        by_loop.setdefault(job.loop, []).append(partial(_settle, job.future, answer, error))
    for loop, words in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop was closed, and nobody waits there any more
            loop.call_soon_threadsafe(_say, words)


def closed() -> RuntimeError:
    """The error of a job that nobody would ever do."""
    return RuntimeError("the database is closed")


def _say(words: Iterable[Callable[[], None]]) -> None:
    for word in words:
        try:
            word()
        except Exception:
            log.exception("what a thread had to say failed")  # those who wait behind it are answered all the same


def _settle(future: asyncio.Future[Any], answer: Any, error: BaseException | None) -> None:
    if future.done():
        return  # who asked has gone
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(answer)


class Pile:
    """Jobs that several threads take from, each with a queue of its own that wakes nobody else.

    Where several wait for one queue of the standard library's, each job wakes a second thread, in vain, that takes the
    interpreter's lock from the first. Of those who wait, the last to have worked is next: what it needs is at hand.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: deque[Job | None] = deque()
        self._idle: list[queue.SimpleQueue[Job | None]] = []

    def put(self, job: Job | None) -> None:
        """Have the job done by whoever is free next; None ends a thread."""
        with self._lock:
            if not self._idle:
                self._jobs.append(job)
                return
            free = self._idle.pop()
        free.put(job)

    def take(self, own: queue.SimpleQueue[Job | None]) -> Job | None:
        """Wait for a job. `own`: the queue of the calling thread."""
        with self._lock:
            if self._jobs:
                return self._jobs.popleft()
            self._idle.append(own)
        return own.get()


class Workers:
    """Some threads that do jobs side by side, with `do`. `news`: what comes before each answer.

    The standard library's executor makes two futures for each job and chains them, which takes as long as a query.
    """

    def __init__(self, name: str, count: int, do: Callable[[Work], Any], news: News = no_news) -> None:
        self._do = do
        self._news = news
        self._pile = Pile()
        self._is_closed = False
        self._threads = [threading.Thread(target=self._run, name=f"{name}-{nth}", daemon=True) for nth in range(count)]
        self._have_begun = False

    async def run(self, work: Callable[[Transaction], T]) -> T:
        """What `work` answers. Raises RuntimeError once the workers were closed."""
        if self._is_closed:
            raise closed()
        if not self._have_begun:
            self._begin()
        return await done_by(self._pile.put, work)

    def close(self) -> None:
        """Do what waits, and end the threads."""
        self._is_closed = True
        if self._have_begun:
            for _ in self._threads:
                self._pile.put(None)
            for thread in self._threads:
                thread.join()

    def _begin(self) -> None:
        # Programs that have no loop never need them.
        self._have_begun = True
        for thread in self._threads:
            thread.start()

    def _run(self) -> None:
        own: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        while self._did_next(own):
            pass

    def _did_next(self, own: queue.SimpleQueue[Job | None]) -> bool:
        """Wait for a job and do it; False at the end. A function of its own, so that a thread that waits holds nothing
        of the job it did last, whose answer may be large."""
        job = self._pile.take(own)
        if job is None:
            return False
        if not job.future.cancelled():  # else nobody waits for it
            try:
                outcome: Outcome = job, self._do(job.work), None
            except BaseException as error:  # whatever it is, who waits must be told
                outcome = job, None, error
            tell([outcome], self._news())
        return True
