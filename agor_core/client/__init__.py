"""The Python SDK: plain calls with `Client`, live ones with `LiveClient`.

```python
from agor_core.client import Client, LiveClient, find_daemon

client = Client(find_daemon().url)
session = client.service("sessions").create({"agent": "scripted", "cwd": "/tmp"})

async with LiveClient(client.url) as live:
    live.on("messages created", print)
    await live.service("sessions").call("prompt", session["session_id"], {"prompt": "hello"})
```

Records are dictionaries as they travel; `agor_core.client.records` has a class for each kind: `Session.from_wire(…)`.
`Client` is on the standard library. `LiveClient` loads python-socketio when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agor_core.client.discovery import DaemonAddress, find_daemon, forget_token, keep_token, token_for
from agor_core.client.http import Client, DaemonUnreachable, Record, Service

if TYPE_CHECKING:
    from agor_core.client.live import LiveClient, LiveService

__all__ = [
    "Client",
    "DaemonAddress",
    "DaemonUnreachable",
    "LiveClient",
    "LiveService",
    "Record",
    "Service",
    "find_daemon",
    "forget_token",
    "keep_token",
    "token_for",
]


def __getattr__(name: str) -> Any:
    if name in ("LiveClient", "LiveService"):
        from agor_core.client import live  # half a second, for those who need it

        return getattr(live, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
