"""Where the daemon is, and the access token this user has for it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agor_core.errors import ConfigError
from agor_core.files import why, write_whole

FACTS_FILE = "daemon.json"
TOKENS_FILE = "credentials.json"


@dataclass(frozen=True)
class DaemonAddress:
    """Where a daemon is, or would be once started."""

    url: str
    home: Path
    is_remote: bool = False
    """Named by `AGOR_DAEMON_URL`, so not one that this home would start."""


def find_daemon(environ: Mapping[str, str] | None = None) -> DaemonAddress:
    """`AGOR_DAEMON_URL`, else what the running daemon wrote into the home, else what is configured.

    Whether somebody answers there is for the first call to find out. Raises ConfigError.
    """
    environ = os.environ if environ is None else environ
    from agor_core.config.settings import home_of

    home = home_of(environ)
    if url := environ.get("AGOR_DAEMON_URL"):
        return DaemonAddress(url.rstrip("/"), home, is_remote=True)
    facts = _read(home / FACTS_FILE)
    if isinstance(facts.get("url"), str):
        return DaemonAddress(facts["url"].rstrip("/"), home)
    return DaemonAddress(_configured_url(home, environ), home)


def token_for(address: DaemonAddress) -> str | None:
    """The access token kept for this daemon by `keep_token`."""
    entry = _read(address.home / TOKENS_FILE).get(address.url)
    token = entry.get("accessToken") if isinstance(entry, dict) else None
    return token if isinstance(token, str) else None


def keep_token(address: DaemonAddress, token: str) -> None:
    """Remember the access token for this daemon, readable by this user only."""
    path = address.home / TOKENS_FILE
    _write(path, {**_read(path), address.url: {"accessToken": token}})


def forget_token(address: DaemonAddress) -> None:
    """Forget the access token for this daemon, if there is one."""
    path = address.home / TOKENS_FILE
    tokens = _read(path)
    if tokens.pop(address.url, None) is not None:
        _write(path, tokens)


def _configured_url(home: Path, environ: Mapping[str, str]) -> str:
    from agor_core.config import load_settings

    daemon = load_settings(home, environ).daemon
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(daemon.host, daemon.host)  # noqa: S104 - compared, not bound
    return f"http://{f'[{host}]' if ':' in host else host}:{daemon.port}"


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(path: Path, content: dict[str, Any]) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(path, json.dumps(content))
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {why(error)}") from error
