"""From an agent's words to a kind of error; and what is never in them."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from agor_core.agents import AgentError, RunRequest
from agor_core.agents.claude_code.errors import api_error
from agor_core.agents.failures import crash, failure, kind_of
from agor_core.agents.history import LONGEST_CHARS, with_history
from agor_core.agents.protocol import ErrorKind
from agor_core.agents.redact import redact
from agor_core.agents.retry import retry_at
from agor_core.clock import iso, parse_iso
from agor_core.models.values import TaskError

REQUEST = RunRequest("hi", "/", {"API_KEY": "sk-secret-1234"})


def test_a_task_can_fail_for_every_reason_an_agent_can() -> None:
    """Agents and tasks know nothing of each other, and yet speak of the same kinds of errors."""
    assert get_args(ErrorKind) == get_args(TaskError.model_fields["kind"].annotation)


@pytest.mark.parametrize(
    ("text", "status", "kind"),
    [
        ("API Error: 529 Overloaded", None, "overloaded"),
        ("Credit balance is too low", 503, "overloaded"),
        ("Claude AI usage limit reached", None, "rate_limited"),
        ("Resource has been exhausted (e.g. check quota).", None, "rate_limited"),
        ("Invalid API key · Please run /login", None, "auth"),
        ("API key not valid. Please pass a valid API key.", 400, "auth"),
        ("There's an issue with the selected model (x). It may not exist", 404, "bad_model"),
        ("The requested model 'x' does not exist", None, "bad_model"),
        ("prompt is too long: 300000 tokens > 200000 maximum", 400, "prompt_too_large"),
        ("This model's maximum context length is 8192 tokens", 400, "prompt_too_large"),
        ("the model said something odd", None, "unknown"),
    ],
)
def test_words_and_status_tell_the_kind(text: str, status: int | None, kind: ErrorKind) -> None:
    """Whichever agent says it."""
    assert kind_of(text, status) == kind


def test_a_limit_says_when_it_ends() -> None:
    """Where the API told the time of the reset, the error has it, for programs and for people."""
    error = api_error("usage limit reached", REQUEST, status=429, retry_at=1_795_000_000_000)
    assert error == AgentError(
        "rate_limited", "usage limit reached: try again after 2026-11-18T11:06:40.000Z", 1_795_000_000_000
    )


def test_no_secret_is_in_a_message() -> None:
    """What the environment calls a key does not leave in an agent's last words."""
    assert "sk-secret-1234" not in crash("codex", REQUEST, 1, "bad key sk-secret-1234").message
    assert redact("id 1234 sk-secret-1234", {"A_TOKEN": "1234", "PATH": "sk-secret"}) == "id 1234 sk-secret-1234"


def test_history_is_told_in_order_and_cut_at_the_old_end() -> None:
    """Words, tools and results in plain text; what does not fit is the oldest, and its lack is said."""
    history: list[dict[str, Any]] = [
        {"role": "user", "content": "first " + "x" * LONGEST_CHARS},
        {"role": "user", "content": "use a tool"},
        {"role": "assistant", "content": [{"type": "tool_use", "name": "Read", "input": {"path": "a"}}]},
        {"role": "user", "content": [{"type": "tool_result", "content": "contents"}]},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm"}]},
    ]
    told = with_history("go on", history)
    places = [told.index(part) for part in ("left out", "use a tool", "Read", "contents", "go on")]
    assert places == sorted(places)
    assert "first" not in told
    assert "hm" not in told
    assert with_history("go on", None) == "go on"


NOW = parse_iso("2026-11-25T13:00:00Z")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("Claude AI usage limit reached|1795618800", "2026-11-25T15:00:00Z"),
        ("You've hit your session limit · resets 3pm (Europe/Berlin)", "2026-11-25T14:00:00Z"),
        ("5-hour limit reached ∙ resets 1:30pm (Europe/Berlin)", "2026-11-26T12:30:00Z"),
        ("weekly limit reached · resets Nov 28, 9am (UTC)", "2026-11-28T09:00:00Z"),
        ("Rate limit reached for gpt-5. Please try again in 6m0.5s. Visit https://x.org", "2026-11-25T13:06:00.500Z"),
        ('quota exceeded {"@type": "RetryInfo", "retryDelay": "34s"}', "2026-11-25T13:00:34Z"),
        ("Please retry in 350ms.", "2026-11-25T13:00:00.350Z"),
        ("429 Too Many Requests, retry-after: 90", "2026-11-25T13:01:30Z"),
        ("rate limited: try again after 2026-11-25T14:05:00Z", "2026-11-25T14:05:00Z"),
        ("try again in 2 hours 5 minutes", "2026-11-25T15:05:00Z"),
        ("Claude AI usage limit reached|1435618800", None),
        ("try again after 2020-01-01T00:00:00Z", None),
        ("will retry in 3 attempts", None),
        ("resets 99pm", None),
        ("resets 3pm (Middle/Earth)", None),
        ("resets Feb 31, 3pm (UTC)", None),
        ("limit reached, resets 5 of your counters", None),
        ("try again in 900 days", None),
        ("Too many requests", None),
    ],
)
def test_an_agents_words_say_when_it_can_go_on(text: str, moment: str | None) -> None:
    """In the forms that vendors use; what is past, or names no time there is, is not made up."""
    assert retry_at(text, NOW) == (parse_iso(moment) if moment else None)


def test_only_what_passes_has_an_end() -> None:
    """A time in the words of any other failure is about something else."""
    words = "invalid api key, try again in 20s"
    assert failure("auth", words, REQUEST).retry_at is None
    limited = failure("rate_limited", "Too many requests, try again in 20s", REQUEST)
    assert limited.retry_at is not None
    assert iso(limited.retry_at) in limited.message
