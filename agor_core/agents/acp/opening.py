"""From a started agent to a session that can be prompted: greet, then begin, resume or fork."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import acp
from acp import schema

from agor_core.agents.failures import failure, kind_of
from agor_core.agents.protocol import AgentError, PermissionMode, RunRequest

AUTH_REQUIRED = -32000

MODES: Mapping[PermissionMode, tuple[str, ...]] = {
    "default": ("default", "readonly", "ask"),
    "acceptEdits": ("acceptedits", "autoedit", "auto"),
    "plan": ("plan",),
    "bypassPermissions": ("bypasspermissions", "fullaccess", "yolo"),
}
"""What agents call our modes. Codex's `read-only` is one that asks before it edits."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A session. `model`: the one we chose, if we could; `notes`: what is not as was asked for, for the transcript."""

    session_id: str
    version: str | None
    model: str | None = None
    notes: tuple[str, ...] = ()


class CannotOpen(Exception):
    """There will be no session; `error` says why."""

    def __init__(self, error: AgentError) -> None:
        super().__init__(error.message)
        self.error = error


async def greet(agent: Any) -> schema.InitializeResponse:
    """Greet `agent` (the library's connection); what it says it can do."""
    # No file system or terminals of ours are offered: the agent works on its machine, which is this one.
    greeting: schema.InitializeResponse = await agent.initialize(
        protocol_version=acp.PROTOCOL_VERSION,
        client_capabilities=schema.ClientCapabilities(),
        client_info=schema.Implementation(name="agor", version="1"),
    )
    return greeting


async def open_session(agent: Any, greeting: schema.InitializeResponse, request: RunRequest, name: str) -> Opened:
    """Open the session that `request` means, with an agent that was greeted. Raises CannotOpen."""
    try:
        session_id, session = await _session(agent, greeting, request, name)
    except acp.RequestError as error:
        raise CannotOpen(_refused(error, greeting, request, name)) from error
    is_chosen = await _set_model(agent, session_id, session, request, name)
    await _set_mode(agent, session_id, session, request)
    version = greeting.agent_info.version if greeting.agent_info else None
    if is_chosen or request.model is None:
        return Opened(session_id, version, request.model)
    note = f"{name} takes no model from outside: its own settings decide, not {request.model!r}"
    return Opened(session_id, version, notes=(note,))


async def _session(agent: Any, greeting: schema.InitializeResponse, request: RunRequest, name: str) -> tuple[str, Any]:
    """The session's id, and the agent's answer with its modes and options."""
    can = greeting.agent_capabilities or schema.AgentCapabilities()
    more = can.session_capabilities or schema.SessionCapabilities()
    where: dict[str, Any] = {"cwd": request.cwd, "mcp_servers": []}
    if request.fork is not None:
        if request.fork.at_message is not None or more.fork is None:
            raise CannotOpen(_forgetful(f"{name} cannot fork a conversation at an earlier point"))
        forked = await agent.fork_session(session_id=request.fork.agent_session_id, **where)
        return forked.session_id, forked
    if request.agent_session_id is None:
        begun = await agent.new_session(**where)
        return begun.session_id, begun
    if more.resume is not None:
        resume = agent.resume_session
    elif can.load_session:
        resume = agent.load_session
    else:
        raise CannotOpen(_forgetful(f"{name} cannot take up an earlier conversation"))
    try:
        return request.agent_session_id, await resume(session_id=request.agent_session_id, **where)
    except acp.RequestError as error:
        if error.code == AUTH_REQUIRED:
            raise
        raise CannotOpen(_forgetful(f"{name} no longer has this conversation ({_words(error)})")) from error


async def _set_model(agent: Any, session_id: str, session: Any, request: RunRequest, name: str) -> bool:
    """Choose the model, if one is asked for and the agent lets us; whether it was chosen. Raises CannotOpen."""
    if request.model is None:
        return False
    for option in getattr(session, "config_options", None) or []:
        if isinstance(option, schema.SessionConfigOptionSelect) and option.category == "model":
            known = list(_values(option.options))
            if request.model not in known:
                text = f"{name} has no model {request.model!r}; it has {', '.join(known)}"
                raise CannotOpen(failure("bad_model", text, request))
            await agent.set_config_option(config_id=option.id, session_id=session_id, value=request.model)
            return True
    return False


async def _set_mode(agent: Any, session_id: str, session: Any, request: RunRequest) -> None:
    """Tell the agent our mode by its own name for it, if it has one. What it then asks, the mode answers too."""
    modes = getattr(session, "modes", None)
    if modes is None:
        return
    offered = {_bare(mode.id): mode.id for mode in modes.available_modes}
    mode = next((offered[name] for name in MODES[request.permission_mode] if name in offered), None)
    if mode is not None and mode != modes.current_mode_id:
        await agent.set_session_mode(session_id=session_id, mode_id=mode)


def _bare(mode_id: str) -> str:
    """A mode's name in one spelling: agents write `full-access`, `autoEdit`, and whole URLs that end in `#plan`."""
    return re.sub(r"[^a-z]", "", re.split(r"[#/]", mode_id)[-1].lower())


def _values(options: list[Any]) -> list[str]:
    return [
        value.value
        for option in options
        for value in (option.options if isinstance(option, schema.SessionConfigSelectGroup) else [option])
    ]


def _forgetful(text: str) -> AgentError:
    return AgentError("unknown", f"{text}: continue from the stored history instead", history_lost=True)


def _refused(
    error: acp.RequestError, greeting: schema.InitializeResponse, request: RunRequest, name: str
) -> AgentError:
    if error.code == AUTH_REQUIRED:
        ways = ", ".join(method.name for method in greeting.auth_methods or [])
        return failure(
            "no_key", f"{name} is not signed in", request, f"sign in with it once ({ways or 'see its help'})"
        )
    return request_failure(error, request, name)


def request_failure(error: acp.RequestError, request: RunRequest, name: str) -> AgentError:
    """The failure that an agent answered a request with."""
    details = _words(error)
    if error.code == AUTH_REQUIRED:
        return failure("auth", details, request)
    return failure(kind_of(details), f"{name}: {details}", request)


def _words(error: acp.RequestError) -> str:
    return f"{error} {error.data}" if error.data else str(error)
