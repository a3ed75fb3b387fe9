"""The configuration of a home: read from four sources, edited in one place.

`load_settings` gives what is in force; `set_value` and `unset_value` edit `config.yaml`; `jwt_secret` gives the key of
the access tokens and makes it on first start.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from pathlib import Path
from typing import Any

from agor_core.config.file import CONFIG_FILE, edited, parsed, write_file
from agor_core.config.keys import KEYS, Key, environment_name, key_of
from agor_core.config.keys import parse as parse_value
from agor_core.config.settings import (
    AgentSettings,
    DaemonSettings,
    DatabaseSettings,
    EventSettings,
    Settings,
    Source,
    home_of,
    is_loopback,
    load_settings,
    masked,
    settings_from,
)
from agor_core.errors import ConfigError
from agor_core.files import why

__all__ = [
    "CONFIG_FILE",
    "KEYS",
    "AgentSettings",
    "DaemonSettings",
    "DatabaseSettings",
    "EventSettings",
    "Key",
    "Settings",
    "Source",
    "environment_name",
    "home_of",
    "is_loopback",
    "jwt_secret",
    "key_of",
    "load_settings",
    "masked",
    "parse_value",
    "set_value",
    "unset_value",
]

SECRET_FILE = "jwt-secret"  # noqa: S105 - a file name
SECRET_BYTES = 32


def set_value(home: Path, key: str, value: Any) -> Any:
    """Set `key` in the file of `home`; the value as it will be used.

    `value` may be text as typed in a shell. Raises ConfigError, and leaves the file as it was, for an unknown key, a
    wrong type, or a file that no daemon would start with.
    """
    typed = parse_value(key, value, key, to_keep=True)
    plain = list(typed) if isinstance(typed, tuple) else typed
    # A time keeps its spelling: `7d` says more than 604800.
    _edit(home, key, value if key == "daemon.jwt_expires" else plain)
    return typed


def unset_value(home: Path, key: str) -> bool:
    """Take `key` out of the file of `home`; whether it was there."""
    key_of(key)
    return _edit(home, key, None)


def jwt_secret(settings: Settings) -> str:
    """The key that signs access tokens: the configured one, else the home's own, made now if there is none yet."""
    if settings.daemon.jwt_secret is not None:
        return settings.daemon.jwt_secret
    path = settings.home / SECRET_FILE
    try:
        if not path.exists():
            _make_secret(path)
        path.chmod(0o600)
        secret = path.read_text().strip()
    except OSError as error:
        raise ConfigError(f"cannot use {path}: {why(error)}") from error
    if len(secret) < SECRET_BYTES:
        raise ConfigError(f"{path} holds no usable secret; remove it, and a new one is made (everybody signs in again)")
    return secret


def _make_secret(path: Path) -> None:
    """Write a fresh secret; where two do so at once, both go on with that of the first."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, fresh = tempfile.mkstemp(dir=path.parent, prefix=f".{SECRET_FILE}-")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(SECRET_BYTES))
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)
    finally:
        Path(fresh).unlink()


def _edit(home: Path, key: str, value: Any) -> bool:
    """Edit the file; whether anything changed. What `load_settings` would not take is refused before it is written."""
    path = home / CONFIG_FILE
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    after = edited(before, path, key, value)
    if (tree := parsed(after, path)) == parsed(before, path):
        return False
    settings_from(home, tree, {}, {})
    write_file(home, after)
    return True
