"""Idempotency keys: the same key with the same data is carried out once and answered the same each time.

A client that does not know whether its write arrived sends it again with the same key: over REST in the header
`Idempotency-Key`, over a socket as `$idempotencyKey` in the query.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from agor_core.errors import BadRequest, Conflict
from agor_core.feathers.params import HookContext, Params
from agor_core.feathers.wire import dumps

QUERY_KEY = "$idempotencyKey"
HEADER = "idempotency-key"
LONGEST_KEY = 200


@dataclass(slots=True)
class _Entry:
    fingerprint: str
    outcome: asyncio.Future[HookContext]
    since: float


@dataclass(slots=True)
class Idempotency:
    """Remembers answers for `keep_s`, the newest `most`. A call that fails is forgotten, and may be tried again."""

    keep_s: float = 600.0
    most: int = 10_000
    clock: Callable[[], float] = time.monotonic
    _entries: OrderedDict[tuple[str, ...], _Entry] = field(default_factory=OrderedDict)

    async def once(
        self,
        key: str,
        scope: tuple[str, ...],
        data: Any,
        run: Callable[[], Awaitable[HookContext]],
        admit: Callable[[], Awaitable[None]] | None = None,
    ) -> HookContext:
        """Run, or answer as the first call with this key did. Raises Conflict for the same key with other data.

        `scope`: who calls what; keys of others are other keys. `admit` raises for a caller who may be answered no more.
        """
        if len(key) > LONGEST_KEY:
            raise BadRequest(f"an idempotency key has at most {LONGEST_KEY} characters")
        self._forget_old()
        full_key = (*scope, key)
        fingerprint = hashlib.sha256(dumps(data)).hexdigest()
        entry = self._entries.get(full_key)
        if entry is None:
            entry = _Entry(fingerprint, asyncio.get_running_loop().create_future(), self.clock())
            self._entries[full_key] = entry
            return await self._first(full_key, entry, run)
        if entry.fingerprint != fingerprint:
            raise Conflict("this idempotency key was used with other data")
        if admit is not None:
            await admit()
        # Shielded: one impatient caller must not cancel the answer of the others.
        return await asyncio.shield(entry.outcome)

    async def _first(
        self, key: tuple[str, ...], entry: _Entry, run: Callable[[], Awaitable[HookContext]]
    ) -> HookContext:
        try:
            context = await run()
        except BaseException as error:
            self._entries.pop(key, None)
            if isinstance(error, Exception):
                entry.outcome.set_exception(error)
                entry.outcome.exception()  # whoever waits gets it; if nobody does, that is no leak
            else:
                entry.outcome.cancel()
            raise
        entry.outcome.set_result(context)
        return context

    def _forget_old(self) -> None:
        oldest = self.clock() - self.keep_s
        while self._entries:
            first = next(iter(self._entries.values()))
            if len(self._entries) <= self.most and first.since >= oldest:
                return
            self._entries.popitem(last=False)


def key_of(params: Params) -> tuple[str | None, Params]:
    """The idempotency key of a call, and its params without it. Raises BadRequest for one that is no text."""
    if QUERY_KEY in params.query:
        key = params.query[QUERY_KEY]
        if not isinstance(key, str) or not key:
            raise BadRequest(f"{QUERY_KEY} is a text")
        return key, params.replace(query={name: part for name, part in params.query.items() if name != QUERY_KEY})
    # The headers of a socket are those of its handshake, not of this call.
    return (params.headers.get(HEADER) or None) if params.provider == "rest" else None, params


def caller_of(params: Params) -> str:
    """Who calls, as far as it is known before any hook: a hash, since tokens are credentials."""
    said = (params.authentication or {}).get("accessToken")
    if said is None and params.authentication is not None:
        said = repr(params.authentication.get("payload"))
    if said is None and params.user is None and params.connection is not None:
        # A stranger's keys are its connection's.
        said = f"connection {params.connection.id}"
    return hashlib.sha256(str(said).encode("utf-8", "replace")).hexdigest()
