"""Whether the daemon is well, for people, programs and the GUI's sign-in page."""

from __future__ import annotations

from typing import Any

from agor_core.clock import iso, now_ms
from agor_core.config import Settings
from agor_core.db import Database
from agor_core.feathers import Params
from agor_daemon import __version__


class HealthService:
    """The service `health`: answers anybody, and says nothing that a stranger may not know."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database
        self._started_at = now_ms()
        self.recovered: dict[str, int] | None = None
        """How much a daemon that was killed had left to put right, when this one started; None: nothing."""

    async def find(self, params: Params) -> dict[str, Any]:
        """`{status, version, started_at, require_auth, recovered?}`; `status` is `ok` if the database answers.

        `recovered` is told only where nobody is a stranger.
        """
        await self._database.change_log.position()
        require_auth = self._settings.daemon.require_auth
        recovered = {} if require_auth or self.recovered is None else {"recovered": self.recovered}
        return {
            "status": "ok",
            "version": __version__,
            "started_at": iso(self._started_at),
            "require_auth": require_auth,
            **recovered,
        }
