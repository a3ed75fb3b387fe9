"""`agor config`: the settings of this machine's home, in a file that a daemon reads when it starts and when told to."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import click

from agor_cli.connection import administer
from agor_cli.groups import Group
from agor_cli.output import say, show, table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from agor_core.config import Settings


@click.group(cls=Group)
def config() -> None:
    """Show and change settings. A flag beats the environment, that beats the file, that beats the default."""


@config.command("list", examples=["config list", "config list --json"])
def list_settings() -> None:
    """List every setting, its value, and where that came from. Secrets are masked."""
    from agor_core.config import load_settings

    settings = load_settings()
    found = [_describe(settings, key) for key in sorted(settings.values)]
    show(found, lambda: _table(found, settings))


@config.command("get", examples=["config get daemon.port", "config get database.url --json"])
@click.argument("key")
def get(key: str) -> None:
    """Show the value of KEY. A secret is masked."""
    from agor_core.config import key_of, load_settings

    key_of(key)
    found = _describe(load_settings(), key)
    show(found, lambda: _shown(found["value"]))


@config.command(
    "set",
    examples=[
        "config set daemon.port 4000",
        "config set agents.claude-code.model opus",
        "config set credentials.ANTHROPIC_API_KEY - < key.txt",
    ],
)
@click.argument("key")
@click.argument("value")
def set_setting(key: str, value: str) -> None:
    """Set KEY to VALUE in the file. `-` reads it from standard input, which keeps a secret out of the history."""
    import sys

    from agor_core.config import home_of, key_of, load_settings, set_value

    home = home_of(os.environ)
    key_of(key)
    set_value(home, key, sys.stdin.read().strip() if value == "-" else value)
    found = _describe(load_settings(), key)
    show(found, lambda: f"{key} = {_shown(found['value'])}")
    if found["source"] == "environment":
        say(f"The environment has another value, which wins: {found['variable']}", "yellow")
    _tell_daemon(key)


@config.command("unset", examples=["config unset daemon.port"])
@click.argument("key")
def unset(key: str) -> None:
    """Take KEY out of the file; the default counts again."""
    from agor_core.config import home_of, load_settings, unset_value

    was_set = unset_value(home_of(os.environ), key)
    found = _describe(load_settings(), key)
    word = "is now" if was_set else "was not set in the file; it is"
    value = _shown(found["value"]) or "not set"
    show({**found, "was_set": was_set}, lambda: f"{key} {word} {value}")
    if was_set:
        _tell_daemon(key)


def _describe(settings: Settings, key: str) -> dict[str, Any]:
    from agor_core.config import environment_name, key_of

    return {
        "key": key,
        "value": settings.shown(key),
        "source": str(settings.source_of(key)),
        "variable": environment_name(key),
        "about": key_of(key).about,
    }


def _table(found: list[dict[str, Any]], settings: Settings) -> RenderableType:
    from agor_core.config import CONFIG_FILE

    footer = (
        "Also: agents.<name>.command, .model, .env and .limit; credentials.<NAME>\n"
        f"File: {settings.home / CONFIG_FILE}; each key is also a variable, daemon.port is AGOR_DAEMON_PORT"
    )
    rows = ((one["key"], _shown(one["value"]), one["source"], one["about"]) for one in found)
    return table(("key", "value", "source", "about"), rows, empty="", footer=footer)


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _tell_daemon(key: str) -> None:
    """Let a daemon that runs on this home read its settings again, and say from when `key` counts."""
    from agor_core.config import key_of

    told = administer("reload")
    if not told["running"]:
        return
    if told["reloaded"] and key_of(key).counts_at_once:
        say("The running daemon goes by it from now on", "dim")
    else:
        say("It counts from the daemon's next start: `agor daemon restart`", "dim")
