"""`agor up`, `agor open` and `agor daemon`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from agor_cli.commands.version import say_if_other
from agor_cli.connection import administer
from agor_cli.groups import Command, Group, wants_json
from agor_cli.output import facts, next_steps, say, show, show_json
from agor_core.errors import Unavailable

NO_BROWSER = "AGOR_NO_BROWSER"
LOG_LINES = 50


@click.command("up", cls=Command, examples=["up", "up --port 4000", "up --no-open"])
@click.option("--port", type=click.IntRange(0, 65_535), help="Port to listen on; 0 takes a free one. Default: 3030.")
@click.option("--host", help="Address to listen on. Default: 127.0.0.1.")
@click.option("--no-open", is_flag=True, help="Do not open the browser.")
def up(port: int | None, host: str | None, no_open: bool) -> None:
    """Start the daemon, unless it runs, and show where the GUI is."""
    started = _start(port, host)
    url = started["url"]
    if wants_json():
        show_json(started)
        return
    say(f"Agor {'already runs' if started['already_running'] else 'runs'} (pid {started['pid']})", "green")
    say(f"GUI: {url}")
    say_if_other(started.get("version"))
    if not no_open and _has_browser():
        _browse(url)
    say("\nNext, in a git repository:")
    next_steps(
        ("agor repo add .", "make the repository known"),
        ('agor session start --worktree try-it "add a README"', "an agent in a worktree of its own"),
        ("agor agent list", "which agents can run; `--agent scripted` needs no account"),
        ("agor daemon stop", "when you have had enough"),
    )


@click.command("open", cls=Command, examples=["open"])
def open_gui() -> None:
    """Open the GUI in the browser."""
    from agor_core.client import Client, find_daemon

    url = find_daemon().url
    with Client(url) as client:
        client.service("health").find()
    if not _has_browser():
        raise Unavailable(f"there is no browser here; open {url} in one")
    _browse(url)
    show({"url": url}, lambda: f"Opened {url}")


@click.group(cls=Group)
def daemon() -> None:
    """Start, stop and look after the daemon."""


@daemon.command("start", examples=["daemon start", "daemon start --port 4000"])
@click.option("--port", type=click.IntRange(0, 65_535), help="Port to listen on; 0 takes a free one. Default: 3030.")
@click.option("--host", help="Address to listen on. Default: 127.0.0.1.")
def start(port: int | None, host: str | None) -> None:
    """Start the daemon in the background."""
    _show_started(_start(port, host))


@daemon.command("stop", examples=["daemon stop"])
def stop() -> None:
    """Stop the daemon. Running tasks end as interrupted, and can be gone on with."""
    stopped = administer("stop", on_progress=_progress)
    show(stopped, lambda: f"Stopped (pid {stopped['pid']})" if stopped["was_running"] else "No daemon was running")


@daemon.command("restart", examples=["daemon restart"])
@click.option("--port", type=click.IntRange(0, 65_535), help="Port to listen on; 0 takes a free one. Default: 3030.")
@click.option("--host", help="Address to listen on. Default: 127.0.0.1.")
def restart(port: int | None, host: str | None) -> None:
    """Stop the daemon if it runs, and start it: for new settings, or a new version.

    Where it was told to listen when it was started, it listens again.
    """
    before = administer("status")
    given = before.get("flags") or ()
    if port is None and "daemon.port" in given:
        port = urlsplit(before["url"]).port
    if host is None and "daemon.host" in given:
        host = before["host"]
    administer("stop", on_progress=_progress)
    _show_started(_start(port, host))


@daemon.command("status", examples=["daemon status", "daemon status --json"])
def status() -> int:
    """Say whether the daemon runs, and where. Exit code 1 if it does not."""
    found = administer("status")
    rows = {name: found.get(name) for name in ("url", "pid", "version", "started_at", "home", "log")}
    show(
        found, lambda: facts({"daemon": "running" if found["running"] else "not running; `agor up` starts it", **rows})
    )
    return 0 if found["running"] else 1


@daemon.command("logs", examples=["daemon logs", "daemon logs --lines 500"])
@click.option(
    "--lines", default=LOG_LINES, show_default=True, type=click.IntRange(1), help="How many of the last lines."
)
def logs(lines: int) -> None:
    """Show the end of the daemon's log."""
    path = Path(administer("status")["log"])
    if not path.exists():
        raise Unavailable(f"there is no log at {path} yet; `agor up` starts the daemon")
    tail = path.read_text(errors="replace").splitlines()[-lines:]
    if wants_json():
        show_json({"log": str(path), "lines": tail})
    else:
        for line in tail:
            click.echo(line)


def _start(port: int | None, host: str | None) -> dict[str, Any]:
    flags = [f"--{name}={value}" for name, value in (("port", port), ("host", host)) if value is not None]
    return administer("start", *flags, on_progress=_progress)


def _show_started(started: dict[str, Any]) -> None:
    word = "Already runs" if started["already_running"] else "Started"
    show(started, lambda: f"{word} (pid {started['pid']}): {started['url']}")
    say_if_other(started.get("version"))


def _progress(step: dict[str, Any]) -> None:
    say(f"{step['text']}…", "dim")


def _has_browser() -> bool:
    if os.environ.get(NO_BROWSER):
        return False
    platform = sys.platform
    if platform.startswith("linux"):
        return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return True


def _browse(url: str) -> None:
    import webbrowser

    webbrowser.open(url)
