"""The configuration, over the API: read with secrets masked, changed where that cannot make anything run."""

from __future__ import annotations

from typing import Any

from agor_core.config import Settings, load_settings, set_value
from agor_core.config.keys import key_of
from agor_core.errors import BadRequest, ConfigError, Forbidden, NotFound
from agor_core.feathers import Params
from agor_daemon.services.stored import one


class ConfigService:
    """The service `config`; the id of a setting is its key, such as `daemon.max_runs`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def find(self, params: Params) -> list[dict[str, Any]]:
        """Every setting: `[{key, value, source, about}]`."""
        return [self._describe(key) for key in sorted(self._settings.values)]

    async def get(self, id: str, params: Params) -> dict[str, Any]:
        """One setting. Raises NotFound that names the nearest key."""
        try:
            return self._describe(key_of(id).name if "<" not in key_of(id).name else id)
        except ConfigError as error:
            raise NotFound(str(error)) from error

    async def patch(self, id: str | None, data: Any, params: Params) -> dict[str, Any]:
        """Write `{value}` to the file; it counts from the next start. What decides who is trusted is 403."""
        key = one(id, "patch")
        if not isinstance(data, dict) or set(data) != {"value"}:
            raise BadRequest('the data must be {"value": …}')
        try:
            if key_of(key).is_local:
                raise Forbidden(f"{key} can be changed only on the daemon's machine: `agor config set {key} …`")
            set_value(self._settings.home, key, data["value"])
        except ConfigError as error:
            raise BadRequest(str(error)) from error
        self._settings = load_settings(self._settings.home)
        return self._describe(key)

    def _describe(self, key: str) -> dict[str, Any]:
        return {
            "key": key,
            "value": self._settings.shown(key),
            "source": self._settings.source_of(key).value,
            "about": key_of(key).about,
        }
