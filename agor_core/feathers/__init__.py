"""Feathers 5 in Python: services, hooks, channels and live events over REST and Socket.IO.

Usable without the rest of this project: `python -m agor_core.feathers` serves a small playground.
What needs aiohttp or python-socketio is in `agor_core.feathers.web`.
"""

from agor_core.feathers.app import Feathers
from agor_core.feathers.channels import Channel, Connection
from agor_core.feathers.events import (
    ConnectionStore,
    EventContext,
    EventLog,
    LoggedEvent,
    MemoryConnectionStore,
    MemoryEventLog,
    StoredConnection,
)
from agor_core.feathers.memory import MemoryService
from agor_core.feathers.methods import STANDARD, CollectionMethod, RecordMethod
from agor_core.feathers.params import HookContext, Http, Params
from agor_core.feathers.service import ServiceHandle

__all__ = [
    "STANDARD",
    "Channel",
    "CollectionMethod",
    "Connection",
    "ConnectionStore",
    "EventContext",
    "EventLog",
    "Feathers",
    "HookContext",
    "Http",
    "LoggedEvent",
    "MemoryConnectionStore",
    "MemoryEventLog",
    "MemoryService",
    "Params",
    "RecordMethod",
    "ServiceHandle",
    "StoredConnection",
]
