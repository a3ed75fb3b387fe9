"""Both servers, for the tests of this folder."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from tests.conformance.twin import sessions
from tests.conformance.twin.both import FOLDER, Heard, Step, Twins, twins
from tests.conformance.twin.wire import Answer
from tests.support.node import find_node, install_packages


class Pair:
    """Both servers, on a loop of their own, for tests and hypothesis alike."""

    def __init__(self, running: Twins, loop: asyncio.AbstractEventLoop) -> None:
        self._running, self._loop = running, loop

    def run(self, script: Sequence[Step], *, strict: bool = False) -> tuple[Heard, Heard]:
        """What came of it here and there."""
        return asyncio.run_coroutine_threadsafe(self._running.run(script, strict=strict), self._loop).result(60)

    def exchange(self, pieces: Sequence[bytes]) -> tuple[list[Answer], list[Answer]]:
        """What each says on a connection of its own on which this is sent."""
        return asyncio.run_coroutine_threadsafe(self._running.exchange(pieces), self._loop).result(60)

    def session(self, script: Sequence[sessions.Step], *, brisk: bool = False) -> list[list[Any]]:
        """What a session comes to on our fast path, on our stock one, and there."""
        return asyncio.run_coroutine_threadsafe(self._running.session(script, brisk=brisk), self._loop).result(60)

    def do_the_same(self, script: Sequence[Step]) -> None:
        """Raises where they do not."""
        ours, theirs = self.run(script)
        for step, here, there in zip(script, ours.outcomes, theirs.outcomes, strict=True):
            assert here == there, step
        assert ours.events == theirs.events


@pytest.fixture(scope="package")
def pair() -> Iterator[Pair]:
    """Both, for all tests."""
    folder, reason = find_node()
    if folder is None:
        pytest.skip(reason)
    install_packages(FOLDER)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="twins")
    thread.start()
    manager = twins()
    try:
        running = asyncio.run_coroutine_threadsafe(manager.__aenter__(), loop).result(60)
        try:
            yield Pair(running, loop)
        finally:
            asyncio.run_coroutine_threadsafe(manager.__aexit__(None, None, None), loop).result(60)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
