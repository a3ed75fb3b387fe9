"""What a run needs to know, gathered when its task begins: agent, folder, environment, what to resume or fork."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from agor_core.agents import Agent, ForkPoint, RunRequest, agent_env
from agor_core.config import Settings
from agor_core.db import Database, Transaction
from agor_core.errors import NotFound
from agor_core.models import Session, Task
from agor_daemon.runs.run import Assignment, Run
from agor_daemon.runs.streaming import Emit


class Assignments:
    """Makes a `Run` of a task."""

    def __init__(self, database: Database, settings: Settings, agents: Mapping[str, Agent]) -> None:
        self._database = database
        self._settings = settings
        self._agents = agents

    async def prepare(self, task: Task, emit: Emit) -> Run:
        """The run of `task`, not started yet. Raises NotFound if its agent is not configured any more."""
        session, fork, cost_so_far = await self._database.read(lambda tx: _context(tx, task))
        if session.agent not in self._agents:
            raise NotFound(f"no agent {session.agent!r} is configured any more; see `agor agent list`")
        repository = await self._database.read(lambda tx: _repository(tx, session))
        assignment = Assignment(
            task_id=task.task_id,
            session_id=task.session_id,
            cwd=session.data.repo.cwd if session.data.repo is not None else "",
            repository=repository,
            next_index=session.next_index,
            facts={"created_by": session.created_by, "sharing": session.sharing, "board_id": session.board_id},
        )
        return Run(
            self._database,
            emit,
            self._agents[session.agent],
            assignment,
            self._request(session, task, fork, cost_so_far),
        )

    def _request(self, session: Session, task: Task, fork: ForkPoint | None, cost_so_far: float) -> RunRequest:
        configured = self._settings.agent(session.agent)
        permissions, model = session.data.permission_config, session.data.llm_config
        return RunRequest(
            prompt=task.data.full_prompt,
            cwd=session.data.repo.cwd if session.data.repo is not None else "",
            environment=self.environment(session.agent),
            agent_session_id=session.data.agent_session_id,
            fork=fork,
            permission_mode=task.data.permission_mode or permissions.mode,
            model=task.data.model or model.model or configured.model,
            thinking_tokens=model.thinking_tokens,
            allowed_tools=tuple(permissions.allowed_tools),
            denied_tools=tuple(permissions.denied_tools),
            system_append=_introduction(session),
            cost_so_far=cost_so_far,
            scenario=configured.scenario,
        )

    def environment(self, agent: str) -> dict[str, str]:
        """The environment in which an agent runs: the daemon's, less what is not the agent's business."""
        return agent_env(os.environ, agent, self._settings.agent(agent).env, credentials=self._settings.credentials)


def _repository(tx: Transaction, session: Session) -> str | None:
    if session.worktree_id is None:
        return None
    return tx.repos.get(tx.worktrees.get(session.worktree_id).repo_id).data.local_path


def _context(tx: Transaction, task: Task) -> tuple[Session, ForkPoint | None, float]:
    session = tx.sessions.get(task.session_id)
    if session.data.agent_session_id is not None or session.forked_from_session_id is None:
        return session, None, session.data.agent_cost_usd or 0.0
    point = session.data.fork_point_task_id
    if point is None:
        return session, None, 0.0
    return _fork_source(tx, session, point)


def _fork_source(tx: Transaction, session: Session, task_id: str) -> tuple[Session, ForkPoint | None, float]:
    """Where the agent's own conversation is left: in the session that ran the fork point, after its last word."""
    source = tx.sessions.get(tx.tasks.get(task_id).session_id)
    if source.data.agent_session_id is None:
        return session, None, 0.0
    if task_id == tx.tasks.where(session_id=source.session_id)[-1].task_id:
        # The end of the conversation needs no message to name it, and not every agent can fork at one.
        return session, ForkPoint(source.data.agent_session_id), source.data.agent_cost_usd or 0.0
    said = [m.data.metadata.original_id for m in tx.messages.where(task_id=task_id) if m.data.metadata is not None]
    last = next(filter(None, reversed(said)), None)
    return session, ForkPoint(source.data.agent_session_id, last), source.data.agent_cost_usd or 0.0


def _introduction(session: Session) -> str:
    """What the agent is told about its place, after its own system prompt."""
    place: Any = session.data.repo
    lines = [f"You work in session {session.session_id} of Agor."]
    if place is not None and place.worktree_name:
        lines.append(f"Your git worktree is {place.cwd} ({place.repo_slug}:{place.worktree_name}); stay inside it.")
    return " ".join(lines)
