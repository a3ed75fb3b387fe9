"""Who was refused or cut off before there was a call, and why: counted for the metrics, and told in the log."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from enum import StrEnum

logger = logging.getLogger(__name__)

# Whoever is refused all the time must not fill the log: each reason has one line in so long.
LOG_EVERY_S = 60.0


class Reason(StrEnum):
    """Why."""

    STRANGERS = "strangers"
    HEAD_LATE = "head_late"
    BODY_LATE = "body_late"
    UNREAD = "unread"
    STRANGER_BODY = "stranger_body"
    BODY_TOO_LARGE = "body_too_large"
    SOCKETS = "sockets"
    NO_REQUEST = "no_request"


_SAID = {
    Reason.STRANGERS: "too many connections from there on which nobody has signed in",
    Reason.HEAD_LATE: "the head of a request did not come in time",
    Reason.BODY_LATE: "the body of a request did not come in time",
    Reason.UNREAD: "an answer was not read in time",
    Reason.STRANGER_BODY: "too much was sent by somebody who has not signed in",
    Reason.BODY_TOO_LARGE: "the body of a request was too large",
    Reason.SOCKETS: "there are too many sockets",
    Reason.NO_REQUEST: "what was sent is no HTTP request",
}


class Refusals:
    """What was refused, by reason."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.counts: Counter[Reason] = Counter(dict.fromkeys(Reason, 0))
        self._clock = clock
        self._next_line_at: dict[Reason, float] = {}
        self._untold: Counter[Reason] = Counter()

    def note(self, reason: Reason, address: str | None) -> None:
        """One more, from `address`."""
        self.counts[reason] += 1
        now = self._clock()
        if now < self._next_line_at.get(reason, now):
            self._untold[reason] += 1
            return
        self._next_line_at[reason] = now + LOG_EVERY_S
        before = self._untold.pop(reason, 0)
        more = f"; {before} more since the last such line" if before else ""
        logger.warning("refused %s: %s%s", address or "a client", _SAID[reason], more)
