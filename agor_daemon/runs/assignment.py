"""What a run needs to know, gathered when its task begins: agent, folder, environment, what to resume or fork."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agor_core.agents import Agent, ForkPoint, RunRequest, agent_env
from agor_core.db import Database, Transaction
from agor_core.errors import NotFound
from agor_core.ids import short
from agor_core.models import Session, Task
from agor_daemon.live_settings import LiveSettings
from agor_daemon.runs.git_state import lock_owner
from agor_daemon.runs.run import Assignment, Run
from agor_daemon.runs.streaming import Emit


@dataclass(frozen=True, slots=True)
class Memory:
    """How an agent comes to know a conversation: it resumes it, forks it, or is told it; or it is new."""

    agent_session_id: str | None = None
    fork: ForkPoint | None = None
    cost_so_far: float = 0.0
    history: list[dict[str, Any]] | None = None


class Assignments:
    """Makes a `Run` of a task."""

    def __init__(self, database: Database, live: LiveSettings, agents: Mapping[str, Agent]) -> None:
        self._database = database
        self._live = live
        self._agents = agents

    async def prepare(self, task: Task, emit: Emit) -> Run:
        """The run of `task`, not started yet. Raises NotFound if its agent is not configured any more."""
        session, memory = await self._database.read(lambda tx: _context(tx, task))
        if session.agent not in self._agents:
            raise NotFound(f"no agent {session.agent!r} is configured any more; see `agor agent list`")
        repository, worktree = await self._database.read(lambda tx: _worktree(tx, session))
        assignment = Assignment(
            task_id=task.task_id,
            session_id=task.session_id,
            cwd=session.data.repo.cwd if session.data.repo is not None else "",
            repository=repository,
            worktree=worktree,
            lock=(lock_owner(self._live.current.home), f"session {short(task.session_id)} runs here"),
            limit_s=self._live.current.agent(session.agent).limit,
            facts={"created_by": session.created_by, "sharing": session.sharing, "board_id": session.board_id},
        )
        return Run(
            self._database,
            emit,
            self._agents[session.agent],
            assignment,
            self._request(session, task, memory),
        )

    def _request(self, session: Session, task: Task, memory: Memory) -> RunRequest:
        configured = self._live.current.agent(session.agent)
        permissions, model = session.data.permission_config, session.data.llm_config
        return RunRequest(
            prompt=task.data.full_prompt,
            cwd=session.data.repo.cwd if session.data.repo is not None else "",
            environment=self.environment(session.agent),
            agent_session_id=memory.agent_session_id,
            fork=memory.fork,
            history=memory.history,
            recall=lambda: self._database.read(lambda tx: _told(tx, task)),
            permission_mode=task.data.permission_mode or permissions.mode,
            model=task.data.model or model.model or configured.model,
            thinking_tokens=model.thinking_tokens if task.data.thinking_tokens is None else task.data.thinking_tokens,
            allowed_tools=tuple(dict.fromkeys([*permissions.allowed_tools, *(task.data.allowed_tools or [])])),
            denied_tools=tuple(dict.fromkeys([*permissions.denied_tools, *(task.data.denied_tools or [])])),
            system_append=_introduction(session),
            cost_so_far=memory.cost_so_far,
            scenario=configured.scenario,
        )

    def environment(self, agent: str) -> dict[str, str]:
        """The environment in which an agent runs: the daemon's, less what is not the agent's business."""
        settings = self._live.current
        return agent_env(os.environ, agent, settings.agent(agent).env, credentials=settings.credentials)


def _worktree(tx: Transaction, session: Session) -> tuple[str, str] | tuple[None, None]:
    """(path of the repository, name of the worktree) of a session in a worktree of ours."""
    if session.worktree_id is None:
        return None, None
    worktree = tx.worktrees.get(session.worktree_id)
    return tx.repos.get(worktree.repo_id).data.local_path, worktree.name


def _context(tx: Transaction, task: Task) -> tuple[Session, Memory]:
    session = tx.sessions.get(task.session_id)
    resumed, point = session.data.agent_session_id, session.data.fork_point_task_id
    if task.data.from_history:
        return session, Memory(history=_told(tx, task))
    if resumed is not None:
        return session, Memory(resumed, cost_so_far=session.data.agent_cost_usd or 0.0)
    fork = _fork_source(tx, point) if point is not None else None
    return session, fork or Memory(history=_told(tx, task))


def _fork_source(tx: Transaction, task_id: str) -> Memory | None:
    """Where the agent's own conversation is left: in the session that ran the fork point, after its last word."""
    source = tx.sessions.get(tx.tasks.get(task_id).session_id)
    if source.data.agent_session_id is None:
        return None
    cost = source.data.agent_cost_usd or 0.0
    if task_id == tx.tasks.where(session_id=source.session_id)[-1].task_id:
        # The end of the conversation needs no message to name it, and not every agent can fork at one.
        return Memory(fork=ForkPoint(source.data.agent_session_id), cost_so_far=cost)
    said = [m.data.metadata.original_id for m in tx.messages.where(task_id=task_id) if m.data.metadata is not None]
    last = next(filter(None, reversed(said)), None)
    return Memory(fork=ForkPoint(source.data.agent_session_id, last), cost_so_far=cost)


def _told(tx: Transaction, task: Task) -> list[dict[str, Any]] | None:
    """What is stored of the conversation before this task, sub-agents' talk left out; None if nothing was answered."""
    history = [
        {"role": message.role, "content": message.data.content}
        for message in tx.messages.history(task.session_id)
        if message.task_id != task.task_id and message.role != "system" and message.parent_tool_use_id is None
    ]
    return history if any(entry["role"] == "assistant" for entry in history) else None


def _introduction(session: Session) -> str:
    """What the agent is told about its place, after its own system prompt."""
    place: Any = session.data.repo
    lines = [f"You work in session {session.session_id} of Agor."]
    if place is not None and place.worktree_name:
        lines.append(f"Your git worktree is {place.cwd} ({place.repo_slug}:{place.worktree_name}); stay inside it.")
    return " ".join(lines)
