"""What went wrong with Claude Code, in the product's kinds and in words that help."""

from __future__ import annotations

from collections.abc import Mapping

from agor_core.agents import failures
from agor_core.agents.failures import failure, kind_of
from agor_core.agents.protocol import AgentError, ErrorKind, RunRequest

NO_CONVERSATION = "No conversation found with session ID"
ROOT_REFUSED = "cannot be used with root/sudo privileges"

_BY_NAME: Mapping[str, ErrorKind] = {
    "authentication_failed": "auth",
    "rate_limit": "rate_limited",
    "billing_error": "refused",
}


def api_error(
    text: str,
    request: RunRequest,
    *,
    status: int | None = None,
    name: str | None = None,
    retry_at: int | None = None,
) -> AgentError:
    """The error of an answer that did not come. `text`: the CLI's words; `status`: the API's; `name`: the SDK's."""
    kind = kind_of(text, status)
    if kind == "unknown":
        kind = _BY_NAME.get(name or "", "unknown")
    return failure(kind, text, request, resets_at=retry_at)


def crash(request: RunRequest, code: int | None, stderr: str, detail: str = "") -> AgentError:
    """The error of a CLI that ended before its work was done, read from its last words."""
    if NO_CONVERSATION in stderr or NO_CONVERSATION in detail:
        return lost_conversation(request)
    if ROOT_REFUSED in stderr:
        message = "bypassPermissions is refused for root: run the daemon as another user, or choose another mode"
        return AgentError("refused", message)
    return failures.crash("Claude Code", request, code, stderr, detail)


def lost_conversation(request: RunRequest) -> AgentError:
    """Claude's own file of the conversation is gone; ours is not."""
    id = request.fork.agent_session_id if request.fork else request.agent_session_id
    return AgentError(
        "unknown",
        f"Claude Code no longer has the conversation {id} on this machine: continue from the stored history instead",
        history_lost=True,
    )
