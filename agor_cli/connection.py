"""The way to the daemon: a signed-in client, and the administration that works without one."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from agor_core.errors import AgorError, NotFound, Unavailable

if TYPE_CHECKING:
    from agor_core.client import Client, LiveClient, Record


MOST_FAILED = 1000


def connected() -> Client:
    """A client for this user's daemon. Whether it runs, the first call tells."""
    from agor_core.client import Client, find_daemon, token_for

    address = find_daemon()
    return Client(address.url, token_for(address))


def live(client: Client) -> LiveClient:
    """A live client for the same daemon and user."""
    from agor_core.client import LiveClient

    return LiveClient(client.url, client.token)


def data_of(answer: Any) -> list[Record]:
    """The records of a page, or of a plain list."""
    return list(answer["data"] if isinstance(answer, dict) else answer)


def find_one(client: Client, path: str, what: str, **query: Any) -> Record:
    """The one record that matches `query`. Raises NotFound that calls it `what`."""
    found = data_of(client.service(path).find({**query, "$limit": 1}))
    if not found:
        raise NotFound(what)
    return found[0]


def interrupted_sessions(client: Client) -> list[str]:
    """The sessions whose last task was cut off by the end of a daemon, and that have not gone on since."""
    failed = data_of(client.service("sessions").find({"status": "failed", "archived": False, "$limit": MOST_FAILED}))
    ids = [session["session_id"] for session in failed]
    query = {"session_id": {"$in": ids}, "status": "failed", "$sort": {"completed_at": -1}, "$limit": MOST_FAILED}
    last: dict[str, Record] = {}
    for task in data_of(client.service("tasks").find(query)) if ids else ():
        last.setdefault(task["session_id"], task)
    return [id for id, task in last.items() if (task.get("error") or {}).get("kind") == "interrupted"]


def administer(
    command: str,
    *arguments: str,
    given: str | None = None,
    on_progress: Callable[[dict[str, Any]], None] = lambda _: None,
) -> dict[str, Any]:
    """The result of `python -m agor_daemon.admin <command>`, for what must work without a daemon.

    `given`: its standard input. `on_progress` is told `{text, done?, total?}` as often as there is something to tell.
    Raises AgorError with the one line it ended with.
    """
    # -P: a module of ours is never taken from the folder the user happens to be in.
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "agor_daemon.admin", command, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    with process:
        with contextlib.suppress(BrokenPipeError):  # it has ended already; its own words tell why
            process.stdin.write(given or "")
            process.stdin.close()
        result: dict[str, Any] | None = None
        for line in process.stdout:
            said = _decoded(line)
            match said.pop("event", None):
                case "progress":
                    on_progress(said)
                case "result":
                    result = said
                case "error":
                    raise AgorError(str(said.get("message")))
        words = process.stderr.read().strip().splitlines()
    if process.returncode or result is None:
        raise Unavailable(f"`{command}` failed: {words[-1] if words else f'exit code {process.returncode}'}")
    return result


def _decoded(line: str) -> dict[str, Any]:
    try:
        said = json.loads(line)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
