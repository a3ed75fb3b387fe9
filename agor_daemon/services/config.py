"""The configuration, over the API: read with secrets masked, changed where that cannot make anything run."""

from __future__ import annotations

from typing import Any

from agor_core.config import set_value
from agor_core.config.keys import key_of
from agor_core.errors import BadRequest, ConfigError, Forbidden, NotFound
from agor_core.feathers import Params
from agor_daemon.live_settings import LiveSettings
from agor_daemon.services.stored import one


class ConfigService:
    """The service `config`; the id of a setting is its key, such as `daemon.max_runs`."""

    def __init__(self, live: LiveSettings) -> None:
        self._live = live

    async def find(self, params: Params) -> list[dict[str, Any]]:
        """Every setting: `[{key, value, source, about, waits_for_restart}]`."""
        return [self._describe(key) for key in sorted(self._live.current.values)]

    async def get(self, id: str, params: Params) -> dict[str, Any]:
        """One setting. Raises NotFound that names the nearest key."""
        try:
            return self._describe(key_of(id).name if "<" not in key_of(id).name else id)
        except ConfigError as error:
            raise NotFound(str(error)) from error

    async def patch(self, id: str | None, data: Any, params: Params) -> dict[str, Any]:
        """Write `{value}` to the file and go by it, or say that it waits for the next start.

        What decides what is executed, or who is trusted, is 403.
        """
        key = one(id, "patch")
        if not isinstance(data, dict) or set(data) != {"value"}:
            raise BadRequest('the data must be {"value": …}')
        try:
            if key_of(key).is_local:
                raise Forbidden(f"{key} can be changed only on the daemon's machine: `agor config set {key} …`")
            set_value(self._live.current.home, key, data["value"])
            self._live.reload()
        except ConfigError as error:
            raise BadRequest(str(error)) from error
        return self._describe(key)

    def _describe(self, key: str) -> dict[str, Any]:
        return {
            "key": key,
            "value": self._live.current.shown(key),
            "source": self._live.current.source_of(key).value,
            "about": key_of(key).about,
            "waits_for_restart": self._live.waits_for_restart(key),
        }
