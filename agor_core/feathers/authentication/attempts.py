"""How often somebody may fail to sign in: per account and address, so that nobody can lock out somebody else."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from agor_core.errors import TooManyRequests

# The least recently failing are forgotten first, so that a flood of names costs bounded memory.
MOST_REMEMBERED = 10_000


@dataclass(slots=True)
class Attempts:
    """Failures within the last `window_s` count; a success forgets those of its account.

    `per_account` are allowed for one account from one address, `per_address` from one address altogether. An account
    is never blocked for other addresses than those that failed on it.
    """

    per_account: int = 10
    per_address: int = 100
    window_s: float = 60.0
    clock: Callable[[], float] = time.monotonic
    _failures: OrderedDict[tuple[str, ...], list[float]] = field(default_factory=OrderedDict)

    def begin(self, address: str, account: str) -> None:
        """Count an attempt, as failed until it has succeeded: many at once are no way around the limit.

        Raises TooManyRequests, with `retry_after_s`, for who has failed too often.
        """
        limits = (((address, account), self.per_account), ((address,), self.per_address))
        for key, most in limits:
            recent = self._recent(key)
            if len(recent) >= most:
                wait = self.window_s - (self.clock() - recent[-most])
                raise TooManyRequests("too many failed attempts to sign in", retry_after_s=max(1, round(wait)))
        for key, _ in limits:
            self._failures[key] = [*self._recent(key), self.clock()]
            self._failures.move_to_end(key)
        while len(self._failures) > MOST_REMEMBERED:
            self._failures.popitem(last=False)

    def succeeded(self, address: str, account: str) -> None:
        """Forget the failures on this account from this address."""
        self._failures.pop((address, account), None)
        if others := self._failures.get((address,)):
            others.pop()

    def _recent(self, key: tuple[str, ...]) -> list[float]:
        oldest = self.clock() - self.window_s
        return [moment for moment in self._failures.get(key, ()) if moment > oldest]
