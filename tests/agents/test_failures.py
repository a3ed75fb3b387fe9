"""From an agent's words to a kind of error; and what is never in them."""

from __future__ import annotations

import pytest

from agor_core.agents import AgentError, RunRequest
from agor_core.agents.claude_code.errors import api_error
from agor_core.agents.failures import crash, kind_of
from agor_core.agents.history import LONGEST_CHARS, with_history
from agor_core.agents.redact import redact

REQUEST = RunRequest("hi", "/", {"API_KEY": "sk-secret-1234"})


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
def test_words_and_status_tell_the_kind(text, status, kind):
    """Whichever agent says it."""
    assert kind_of(text, status) == kind


def test_a_limit_says_when_it_ends():
    """Where the API told the time of the reset, the error has it, for programs and for people."""
    error = api_error("usage limit reached", REQUEST, status=429, retry_at=1_795_000_000_000)
    assert error == AgentError(
        "rate_limited", "usage limit reached: try again after 2026-11-18T11:06:40.000Z", 1_795_000_000_000
    )


def test_no_secret_is_in_a_message():
    """What the environment calls a key does not leave in an agent's last words."""
    assert "sk-secret-1234" not in crash("codex", REQUEST, 1, "bad key sk-secret-1234").message
    assert redact("id 1234 sk-secret-1234", {"A_TOKEN": "1234", "PATH": "sk-secret"}) == "id 1234 sk-secret-1234"


def test_history_is_told_in_order_and_cut_at_the_old_end():
    """Words, tools and results in plain text; what does not fit is the oldest, and its lack is said."""
    history = [
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
