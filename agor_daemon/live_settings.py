"""The settings in force while the daemon runs: read again when somebody edited them."""

from __future__ import annotations

from collections.abc import Callable

from agor_core.config import Settings, Source, key_of, load_settings

Listener = Callable[[Settings], None]


class LiveSettings:
    """What the file, the environment and the flags say now.

    Keys that are `counts_at_once` are looked up here whenever they matter. The others were used when the daemon
    started (a port, a database), and what is read of them later waits for its next start.
    """

    def __init__(self, settings: Settings) -> None:
        self.current = settings
        self._at_start = settings
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> None:
        """Call `listener` after every reading, in the order they were added."""
        self._listeners.append(listener)

    def reload(self) -> None:
        """Read them again. Raises ConfigError, and leaves what was in force, if no daemon would start with them."""
        sources = self.current.sources
        flags = {key: value for key, value in self.current.values.items() if sources.get(key) is Source.FLAG}
        self.current = load_settings(self.current.home, flags=flags)
        for listener in self._listeners:
            listener(self.current)

    def waits_for_restart(self, key: str) -> bool:
        """Whether `key` has a value now that this daemon does not use before its next start."""
        return not key_of(key).counts_at_once and self.current.values.get(key) != self._at_start.values.get(key)
