"""Answers an ACP agent that asks whether it may: by the session's mode and rules, else by asking people.

ACP knows no permission modes of its own kind; agents name theirs freely. So the mode is kept here, at the question.
"""

from __future__ import annotations

from acp import schema

from agor_core.agents.acp.updates import ToolCall
from agor_core.agents.protocol import Ask, PermissionAnswer, PermissionQuestion, RunRequest

READING = frozenset({"read", "search", "think"})
EDITING = frozenset({"edit", "move"})


async def decide(
    call: ToolCall, options: list[schema.PermissionOption], request: RunRequest, ask: Ask
) -> schema.RequestPermissionResponse:
    """The option to take. A changed input cannot be given to an ACP agent: it is a no, not a yes to the old one."""
    answer = _by_rule(call, request)
    if answer is None:
        offered = [option.model_dump(mode="json", exclude_none=True) for option in options if _is_lasting_yes(option)]
        answer = await ask(PermissionQuestion(call.name, call.block["input"], call.id, offered, call.title or None))
    chosen = _choose(answer, options)
    if chosen is None:
        return schema.RequestPermissionResponse(outcome=schema.DeniedOutcome(outcome="cancelled"))
    return schema.RequestPermissionResponse(outcome=schema.AllowedOutcome(outcome="selected", option_id=chosen))


def _by_rule(call: ToolCall, request: RunRequest) -> PermissionAnswer | None:
    """What the session's settings say; None if a person has to."""
    if call.name in request.denied_tools:
        return PermissionAnswer(False)
    if call.name in request.allowed_tools or request.permission_mode == "bypassPermissions":
        return PermissionAnswer(True)
    if request.permission_mode == "plan":
        return PermissionAnswer(call.kind in READING)
    if request.permission_mode == "acceptEdits" and call.kind in READING | EDITING:
        return PermissionAnswer(True)
    return None


def _choose(answer: PermissionAnswer, options: list[schema.PermissionOption]) -> str | None:
    if answer.allow and answer.updated_input is None:
        adopted = {suggestion.get("option_id") for suggestion in answer.suggestions}
        if adopted:
            lasting = next((option for option in options if option.option_id in adopted), None)
            if lasting is not None:
                return lasting.option_id
        wanted: tuple[str, ...] = ("allow_once", "allow_always")
    else:
        wanted = ("reject_once", "reject_always")
    return next((option.option_id for kind in wanted for option in options if option.kind == kind), None)


def _is_lasting_yes(option: schema.PermissionOption) -> bool:
    return option.kind == "allow_always"
