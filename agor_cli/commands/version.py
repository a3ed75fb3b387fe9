"""`agor version` and `agor completion`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from agor_cli.groups import Command
from agor_cli.output import facts, say, show
from agor_core.errors import AgorError

SHELLS = {
    "bash": ('eval "$(_AGOR_COMPLETE=bash_source agor)"', "~/.bashrc"),
    "zsh": ('eval "$(_AGOR_COMPLETE=zsh_source agor)"', "~/.zshrc"),
    "fish": ("_AGOR_COMPLETE=fish_source agor | source", "~/.config/fish/config.fish"),
}


def own_version() -> str:
    """The version of the installed distribution; 0.0.0 in a checkout that was never installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("agor")
    except PackageNotFoundError:
        return "0.0.0"


def say_if_other(daemon: str | None) -> None:
    """Say what to do about a daemon of another version, as it is left running by an upgrade."""
    if daemon is not None and daemon != own_version():
        say(f"The daemon is {daemon}, this is {own_version()}: `agor daemon restart` makes them one", "yellow")


@click.command("version", cls=Command, examples=["version", "version --json"])
def version() -> None:
    """Show the versions of this program and of the daemon."""
    from agor_cli.connection import connected

    found: dict[str, str | None] = {"agor": own_version(), "daemon": None, "python": sys.version.split()[0]}
    try:
        with connected() as client:
            found["daemon"] = client.service("health").find().get("version")
    except AgorError:
        found["daemon"] = None  # not running: then it has none
    show(found, lambda: facts({**found, "daemon": found["daemon"] or "not running"}))
    say_if_other(found["daemon"])


@click.command("completion", cls=Command, examples=["completion", "completion zsh"])
@click.argument("shell", type=click.Choice(tuple(SHELLS)), required=False)
def completion(shell: str | None) -> None:
    """Print the line that makes your shell complete commands. SHELL is bash, zsh or fish; default: yours."""
    name = shell or Path(os.environ.get("SHELL", "bash")).name
    line, file = SHELLS.get(name, SHELLS["bash"])
    show({"shell": name, "line": line, "file": file}, lambda: line)
    if sys.stdout.isatty():
        say(f"# put this into {file}", "dim")
