"""What agents ask: stored for every screen, answered by a rule that stands or by a person, carried over a crash.

Rules have no table of their own. An answer with a scope beyond `once` is a rule, for as long as its row is there and
not revoked: `session` for the questions of that session, `project` for all sessions on its repository (where there is
none, in its folder), `user` for the sessions of whoever answered. The latter two stay when their session is deleted.
The daemon alone keeps them. Agents are told of each use that it is allowed once, so that every use has a row, and a
rule that is revoked is gone at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agor_core.agents import PermissionAnswer, PermissionQuestion
from agor_core.db import Transaction
from agor_core.errors import BadRequest, Conflict
from agor_core.ids import short
from agor_core.models import PermissionRequest, Session, Task
from agor_core.models.session import RUNNING_STATUSES, project_of
from agor_core.models.task import ENDED_STATUSES, summary
from agor_daemon.runs import rules
from agor_daemon.runs.dialects import deed
from agor_daemon.runs.rules import Asked

REACH = {"session": "in this session", "project": "in this project", "user": "for this user"}

GO_ON = "Go on where you were interrupted."
ALLOWED = (
    "You were interrupted while you waited for permission to use {tool}. It is given now: use it again, with the very "
    "same input, and go on."
)
REFUSED = (
    "You were interrupted while you waited for permission to use {tool}. It is refused: {reason} Go on without it."
)
NO_REASON = "no reason was given."


@dataclass(frozen=True, slots=True)
class Decision:
    """A person's answer, and how far it goes. `rules`: what it covers beyond this question; None: as was offered."""

    answer: PermissionAnswer
    scope: str
    rules: Sequence[str] | None
    user_id: str | None


def ask(
    tx: Transaction, task_id: str, request_id: str, question: PermissionQuestion, asked: Asked, *, mode: str
) -> PermissionRequest:
    """The question as a row: answered at once where a rule stands, else pending, and its task waits."""
    known = answered_already(tx, task_id, request_id, question, asked, mode=mode)
    if known is not None:
        return known
    task = tx.tasks.get(task_id)
    stored = tx.permissions.add(_row(task, request_id, question, asked))
    tx.tasks.patch(task_id, {"status": "awaiting_permission"})
    tx.sessions.patch(task.session_id, {"status": "awaiting_permission"})
    return stored


def answered_already(
    tx: Transaction, task_id: str, request_id: str, question: PermissionQuestion, asked: Asked, *, mode: str
) -> PermissionRequest | None:
    """The question as a row that is answered, if an earlier answer holds for it; else nothing is stored.

    `mode`: in `plan` no rule says yes: whoever asks for a plan wants to be asked.
    """
    task = tx.tasks.get(task_id)
    earlier, reason = _carried_over(tx, task, asked), "answered before the interruption"
    if earlier is None:
        found = _rule(tx, tx.sessions.get(task.session_id), asked, mode)
        if found is None:
            return None
        earlier, rule = found
        verb = "allowed" if earlier.status == "approved" else "refused"
        reason = f"{verb} by the rule {rule} {REACH[earlier.scope or 'session']}"
    request = _row(task, request_id, question, asked)
    request.status, request.scope = earlier.status, "once"
    request.data.rules = []
    request.data.rule_request_id = earlier.request_id
    request.data.decided_by, request.data.decided_at = earlier.data.decided_by, tx.now
    request.data.reason = f"{reason}: {earlier.data.reason}" if earlier.data.reason else reason
    if task.data.answers_request_id == earlier.request_id:
        request.data.updated_input = earlier.data.updated_input
    return tx.permissions.add(request)


def answer_of(request: PermissionRequest) -> PermissionAnswer:
    """What the agent is told."""
    data = request.data
    return PermissionAnswer(request.status == "approved", reason=data.reason, updated_input=data.updated_input)


def answer_in(record: Mapping[str, Any]) -> PermissionAnswer:
    """The same, from the record as it is announced."""
    allow = record["status"] == "approved"
    return PermissionAnswer(allow, reason=record["reason"], updated_input=record["updated_input"])


def decide(tx: Transaction, request_id: str, decision: Decision, asked: Asked) -> tuple[PermissionRequest, Task | None]:
    """The first answer counts, and the task that goes on from it, where the one that asked was interrupted.

    Raises Conflict for a second answer, BadRequest for one that cannot go as far as it should.
    """
    request = tx.permissions.get(request_id)
    if request.status != "pending":
        raise Conflict(f"this request was {request.status} already", status=request.status)
    answer = decision.answer
    decided = tx.permissions.patch(
        request_id,
        {
            "status": "approved" if answer.allow else "denied",
            "scope": decision.scope,
            "rules": _rules(request, decision, asked),
            "reason": answer.reason,
            "updated_input": answer.updated_input,
            "decided_by": decision.user_id,
            "decided_at": tx.now,
        },
    )
    # A question goes with its task: only answers outlive theirs.
    task = tx.tasks.get(str(request.task_id))
    if task.status in ENDED_STATUSES:
        words = ALLOWED if answer.allow else REFUSED
        prompt = words.format(tool=request.data.tool_name, reason=answer.reason or NO_REASON)
        return decided, go_on(tx, task.session_id, decision.user_id, prompt, answers=decided)
    tx.tasks.patch(task.task_id, {"status": "running"})
    tx.sessions.patch(task.session_id, {"status": "running"})
    return decided, None


def revoke(tx: Transaction, request_id: str, user_id: str | None) -> PermissionRequest:
    """From now on the answer's rules count no more. Raises Conflict where there are none."""
    request = tx.permissions.get(request_id)
    if not request.is_rule:
        raise Conflict(f"request {short(request_id)} is no rule that stands", status=request.status)
    return tx.permissions.patch(request_id, {"revoked_by": user_id, "revoked_at": tx.now})


def go_on(
    tx: Transaction,
    session_id: str,
    user_id: str | None,
    prompt: str | None = None,
    *,
    answers: PermissionRequest | None = None,
    from_history: bool = False,
) -> Task:
    """Take up what was broken off in a session: a task before all that wait, and the queue goes on after it.

    `prompt`: what the agent is told; default: to go on, or once more what it was asked when its memory proved lost.
    `from_history`: it begins a new conversation, and is told what is stored of this one.
    Raises Conflict where the session runs, or its last task did not fail and was not stopped.
    """
    session = tx.sessions.get(session_id)
    if session.status in RUNNING_STATUSES:
        raise Conflict(f"session {short(session_id)} runs", session_id=session_id)
    last = tx.tasks.last_ended(session_id)
    if last is None or last.status == "completed":
        raise Conflict(
            f"in session {short(session_id)} nothing was broken off; prompt it instead", session_id=session_id
        )
    waiting = tx.tasks.where(session_id=session_id, status="created")
    if prompt is None:
        # An agent that has lost the conversation never heard this prompt.
        unheard = last.data.error is not None and last.data.error.reason == "history_lost"
        prompt = last.data.full_prompt if unheard else GO_ON
    task = Task(session_id=session_id, status="created", created_by=user_id)
    task.data.full_prompt, task.data.description = prompt, summary(prompt)
    task.data.permission_mode, task.data.model = last.data.permission_mode, last.data.model
    task.data.thinking_tokens = last.data.thinking_tokens
    task.data.allowed_tools, task.data.denied_tools = last.data.allowed_tools, last.data.denied_tools
    task.data.from_history = from_history
    task.data.answers_request_id = answers.request_id if answers is not None else None
    ranks = (other.data.queue_rank for other in waiting if other.data.queue_rank is not None)
    task.data.queue_rank = min(ranks, default=0.0) - 1
    if session.data.queue_paused is not None:
        tx.sessions.patch(session_id, {"queue_paused": None})
    return tx.tasks.add(task)


def withdraw(
    tx: Transaction, reason: str | None = None, *, session_id: str, task_id: str | None = None
) -> list[PermissionRequest]:
    """Cancel the pending questions of a session, or of one of its tasks."""
    pending = tx.permissions.where(status="pending", session_id=session_id)
    if task_id is not None:
        pending = [one for one in pending if one.task_id == task_id]
    return [
        tx.permissions.patch(one.request_id, {"status": "cancelled", **({"reason": reason} if reason else {})})
        for one in pending
    ]


def _row(task: Task, request_id: str, question: PermissionQuestion, asked: Asked) -> PermissionRequest:
    request = PermissionRequest(
        request_id=request_id, session_id=task.session_id, task_id=task.task_id, status="pending"
    )
    request.data.tool_name = question.tool_name
    request.data.tool_input = question.tool_input
    request.data.tool_use_id = question.tool_use_id
    request.data.suggestions = question.suggestions
    request.data.rules = rules.offered(asked, question.suggestions)
    return request


def _rules(request: PermissionRequest, decision: Decision, asked: Asked) -> list[str]:
    """The rules that an answer leaves behind."""
    if decision.scope == "once":
        if decision.rules:
            raise BadRequest("`rules` need a `scope`: session, project or user")
        return []
    if decision.rules is not None:
        if trouble := rules.problem(decision.rules, asked):
            raise BadRequest(trouble, errors={"rules": [trouble]})
        return list(decision.rules)
    # What a person changed is what they allowed; the agent's suggestions are about what it asked for.
    changed = decision.answer.updated_input is not None
    found = rules.offered(asked) if changed else request.data.rules
    if not found:
        raise BadRequest("this question can only be answered for once", errors={"scope": ["must be once"]})
    return found


def _rule(tx: Transaction, session: Session, asked: Asked, mode: str) -> tuple[PermissionRequest, str] | None:
    """The answer that holds for this question, and its rule: a no before any yes, no yes where a no may be meant."""
    found: list[tuple[PermissionRequest, str]] = []
    is_in_doubt = False
    for request in _standing(tx, session):
        if request.status == "approved" and mode == "plan":
            continue
        found += [(request, rule) for rule in request.data.rules if rules.covers(rule, asked)][:1]
        if request.status == "denied":
            is_in_doubt = is_in_doubt or any(rules.touches(rule, asked) for rule in request.data.rules)
    answer = min(found, key=lambda one: one[0].status != "denied", default=None)
    return None if is_in_doubt and answer is not None and answer[0].status == "approved" else answer


def _standing(tx: Transaction, session: Session) -> list[PermissionRequest]:
    """The answers whose rules hold in a session."""
    own = tx.permissions.where(session_id=session.session_id, scope="session")
    wider = tx.permissions.where(scope=["project", "user"])
    return [one for one in own if one.is_rule] + [one for one in wider if one.is_rule and _reaches(tx, one, session)]


def _reaches(tx: Transaction, request: PermissionRequest, session: Session) -> bool:
    if request.scope == "user":
        return request.data.decided_by == session.created_by
    project = project_of(session)
    if request.session_id is None:
        is_known = not request.data.was_private or request.created_by == session.created_by
        return is_known and project is not None and request.data.project == project
    origin = tx.sessions.get(request.session_id)
    # What others cannot see must not decide for them.
    is_known = origin.sharing == "everyone" or origin.created_by == session.created_by
    return is_known and project is not None and project_of(origin) == project


def _carried_over(tx: Transaction, task: Task, asked: Asked) -> PermissionRequest | None:
    """The answer that this task goes on from, if it is asked the same again, for the first time."""
    if task.data.answers_request_id is None:
        return None
    request = tx.permissions.find_one(request_id=task.data.answers_request_id)
    if request is None or any(
        other.data.rule_request_id == request.request_id for other in tx.permissions.where(task_id=task.task_id)
    ):
        return None
    agent = tx.sessions.get(task.session_id).agent
    before = Asked(request.data.tool_name, deed(agent, request.data.tool_input), asked.cwd)
    return request if rules.same(before, asked) else None
