"""The environment an agent is given: the user's own, less what is ours or another agent's."""

from __future__ import annotations

from collections.abc import Mapping

OURS = ("AGOR_",)
DATABASES = frozenset(
    {"DATABASE_URL", "PGPASSWORD", "PGPASSFILE", "PGSERVICEFILE", "LIBSQL_AUTH_TOKEN", "TURSO_AUTH_TOKEN"}
)

# A daemon started from inside an agent's shell inherits these marks; an agent that sees them
# believes to be nested, or takes up the outer conversation's settings.
NESTING = frozenset(
    {
        "CLAUDECODE",
        "CLAUDE_CODE_ENTRYPOINT",
        "CLAUDE_CODE_SSE_PORT",
        "CLAUDE_CODE_SESSION_ID",
        "CLAUDE_AGENT_SDK_VERSION",
        "CLAUDE_AGENT_SDK_DERIVED_CLIENT_APP",
    }
)

CREDENTIALS: Mapping[str, frozenset[str]] = {
    "claude-code": frozenset({"ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"}),
    "codex": frozenset({"OPENAI_API_KEY", "CODEX_API_KEY"}),
    "gemini": frozenset({"GEMINI_API_KEY", "GOOGLE_API_KEY"}),
    "cursor": frozenset({"CURSOR_API_KEY"}),
    "scripted": frozenset(),
}
"""The variables that sign each agent in. OpenCode, and agents of the user's own, may use any vendor's."""


def agent_env(
    base: Mapping[str, str],
    agent_name: str,
    settings_env: Mapping[str, str] | None = None,
    *,
    credentials: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The whole environment for a run of `agent_name`.

    `base`: the daemon's own. `settings_env`: `agents.<name>.env`, which wins over everything.
    `credentials`: `credentials.*` of the configuration; only those that are this agent's are given to it.
    What the user exported for other vendors stays: it is theirs, and tools the agent runs may need it.
    """
    environment = {name: value for name, value in base.items() if not _withheld(name)}
    environment.update(_own(credentials or {}, agent_name))
    environment.update(settings_env or {})
    return environment


def _withheld(name: str) -> bool:
    upper = name.upper()
    return upper.startswith(OURS) or upper in DATABASES or upper in NESTING


def _own(credentials: Mapping[str, str], agent_name: str) -> dict[str, str]:
    """The configured credentials that `agent_name` may see; one that no agent claims goes to all of them."""
    mine = CREDENTIALS.get(agent_name)
    if mine is None:
        return dict(credentials)
    others = frozenset().union(*CREDENTIALS.values()) - mine
    return {name: value for name, value in credentials.items() if name not in others}
