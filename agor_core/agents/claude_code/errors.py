"""What went wrong, in the product's kinds and in words that help."""

from __future__ import annotations

import re
from collections.abc import Mapping

from agor_core.agents.protocol import AgentError, ErrorKind, RunRequest
from agor_core.agents.redact import redact
from agor_core.clock import iso

LONGEST_MESSAGE = 2_000

NO_CONVERSATION = "No conversation found with session ID"
ROOT_REFUSED = "cannot be used with root/sudo privileges"

_ADVICE: Mapping[ErrorKind, str] = {
    "auth": "check the API key, or run `claude` once and sign in again",
    "bad_model": "choose another model for this session",
    "prompt_too_large": "make the prompt shorter, or put the text into a file and name it",
    "rate_limited": "try again later",
    "overloaded": "the vendor's servers are busy: try again in a while",
}

_BY_STATUS: Mapping[int, ErrorKind] = {
    401: "auth",
    403: "auth",
    413: "prompt_too_large",
    429: "rate_limited",
    503: "overloaded",
    529: "overloaded",
}

_BY_NAME: Mapping[str, ErrorKind] = {
    "authentication_failed": "auth",
    "rate_limit": "rate_limited",
    "billing_error": "refused",
}

_BY_WORDS: tuple[tuple[re.Pattern[str], ErrorKind], ...] = (
    (
        re.compile(r"prompt is too long|request too large|context (?:window|length)|too many tokens", re.I),
        "prompt_too_large",
    ),
    (re.compile(r"invalid api key|authentication_error|please run /login|not logged in|oauth token", re.I), "auth"),
    (re.compile(r"usage limit|rate.?limit|limit reached", re.I), "rate_limited"),
    (re.compile(r"overloaded", re.I), "overloaded"),
    (
        re.compile(
            r"(?:issue with the selected|unknown|invalid) model|model[^.]*(?:not exist|not found|not have access)", re.I
        ),
        "bad_model",
    ),
)


def api_error(
    text: str,
    request: RunRequest,
    *,
    status: int | None = None,
    name: str | None = None,
    retry_at: int | None = None,
) -> AgentError:
    """The error of an answer that did not come. `text`: the CLI's words; `status`: the API's; `name`: the SDK's."""
    kind = _kind(text, status, name)
    parts = [text.strip() or "the model gave no answer", _ADVICE.get(kind)]
    if kind == "rate_limited" and retry_at is not None:
        parts[1] = f"try again after {iso(retry_at)}"
    message = ": ".join(part for part in parts if part)
    return AgentError(kind, _clean(message, request), retry_at if kind == "rate_limited" else None)


def crash(request: RunRequest, code: int | None, stderr: str, detail: str = "") -> AgentError:
    """The error of a CLI that ended before its work was done, read from its last words."""
    if NO_CONVERSATION in stderr or NO_CONVERSATION in detail:
        return lost_conversation(request)
    if ROOT_REFUSED in stderr:
        message = "bypassPermissions is refused for root: run the daemon as another user, or choose another mode"
        return AgentError("refused", message)
    kind = _kind(stderr, None, None)
    how = "ended by itself" if code is None else f"was killed by signal {-code}" if code < 0 else f"exit code {code}"
    words = " ".join(filter(None, [f"Claude Code crashed ({how}).", detail, stderr]))
    return AgentError(kind if kind in ("auth", "bad_model") else "agent_crashed", _clean(words, request))


def lost_conversation(request: RunRequest) -> AgentError:
    """Claude's own file of the conversation is gone; ours is not."""
    id = request.fork.agent_session_id if request.fork else request.agent_session_id
    return AgentError(
        "unknown",
        f"Claude Code no longer has the conversation {id} on this machine: continue from the stored history instead",
        history_lost=True,
    )


def _kind(text: str, status: int | None, name: str | None) -> ErrorKind:
    # The words first: a status of 400 stands for a dozen things, and 429 also for a used-up subscription.
    for pattern, kind in _BY_WORDS:
        if pattern.search(text):
            return kind
    if status == 404 and "model" in text.lower():
        return "bad_model"
    return _BY_STATUS.get(status or 0) or _BY_NAME.get(name or "") or "unknown"


def _clean(message: str, request: RunRequest) -> str:
    return redact(message, request.environment)[:LONGEST_MESSAGE]
