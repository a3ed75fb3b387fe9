"""What kind of failure an agent's words tell of, and what a person can do about it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from agor_core.agents.protocol import AgentError, ErrorKind, RunRequest
from agor_core.agents.redact import redact
from agor_core.agents.retry import retry_at
from agor_core.clock import iso, now_ms

LONGEST_MESSAGE = 2_000

ADVICE: Mapping[ErrorKind, str] = {
    "auth": "check the API key, or sign in to the agent again",
    "bad_model": "choose another model for this session",
    "prompt_too_large": "make the prompt shorter, or put the text into a file and name it",
    "rate_limited": "try again later",
    "overloaded": "the vendor's servers are busy: try again in a while",
}

PASSES: Final[frozenset[ErrorKind]] = frozenset({"rate_limited", "overloaded"})
"""What goes away by itself, after a while."""

_BY_STATUS: Mapping[int, ErrorKind] = {
    401: "auth",
    403: "auth",
    413: "prompt_too_large",
    429: "rate_limited",
    503: "overloaded",
    529: "overloaded",
}

_BY_WORDS: tuple[tuple[str, ErrorKind], ...] = (
    (r"prompt is too long|too large|context (?:window|length)|too many tokens", "prompt_too_large"),
    (r"invalid (?:x-)?api.key|api.key not valid|authentication|unauthorized|/login|not logged in|oauth token", "auth"),
    (r"usage limit|rate.?limit|limit reached|quota|resource.exhausted|too many requests", "rate_limited"),
    (r"overloaded", "overloaded"),
    (
        r"(?:issue with the selected|unknown|invalid|unsupported) model|"
        r"model[^.]*(?:not exist|not found|not supported|not have access)",
        "bad_model",
    ),
)


def kind_of(text: str, status: int | None = None) -> ErrorKind:
    """The kind that an agent's words, or the HTTP status it was answered, stand for."""
    # The words first: a status of 400 stands for a dozen things, and 429 also for a used-up subscription.
    for pattern, kind in _BY_WORDS:
        if re.search(pattern, text, re.IGNORECASE):
            return kind
    if status == 404 and "model" in text.lower():
        return "bad_model"
    return _BY_STATUS.get(status or 0, "unknown")


def failure(
    kind: ErrorKind, text: str, request: RunRequest, advice: str | None = None, *, resets_at: int | None = None
) -> AgentError:
    """The error of that kind in the agent's words, with advice, and with nothing secret in it.

    `resets_at`: from when on trying again makes sense, in ms since 1970, where that is known from more than the words.
    """
    words = text.strip() or "the agent gave no reason"
    if kind in PASSES:
        resets_at = resets_at or retry_at(words, now_ms())
        advice = advice or (f"try again after {iso(resets_at)}" if resets_at is not None else None)
    else:
        resets_at = None
    if advice := advice or ADVICE.get(kind):
        words = f"{words.rstrip('.')}: {advice}"
    return AgentError(kind, redact(words, request.environment)[:LONGEST_MESSAGE], resets_at)


def crash(agent: str, request: RunRequest, code: int | None, stderr: str, detail: str = "") -> AgentError:
    """The error of an agent that ended before its work was done, with its last words."""
    how = "it ended by itself" if code is None else f"killed by signal {-code}" if code < 0 else f"exit code {code}"
    words = " ".join(filter(None, [f"{agent} crashed ({how}).", detail, stderr]))
    kind = kind_of(stderr)
    return failure(kind if kind in ("auth", "bad_model") else "agent_crashed", words, request)
