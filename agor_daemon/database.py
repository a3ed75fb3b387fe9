"""The daemon's database, opened as the configuration says."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from agor_core.config import Settings
from agor_core.db import Database, open_database


@contextlib.contextmanager
def opened(settings: Settings, *, upgrade: bool = True) -> Iterator[Database]:
    """The database, brought to this version's revision if `upgrade`. Raises ConfigError with one clear line."""
    with open_database(settings.database.url) as database:
        if upgrade:
            database.prepare()
        yield database
