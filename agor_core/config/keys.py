"""Every key of the configuration: its type, its default, and what it is for."""

from __future__ import annotations

import difflib
import ipaddress
import json
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agor_core.errors import ConfigError

KNOWN_AGENTS = ("claude-code", "codex", "gemini", "cursor", "opencode", "scripted")
KNOWN_CREDENTIALS = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY")
"""Taken from the environment by default, under their own names."""

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_AGENT_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

Parser = Callable[[Any], Any]
"""From a value of the file, or the text of a flag or variable; raises ValueError that says what it should be."""


def text(value: Any) -> str:
    """Text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError("text")
    return value.strip()


def boolean(value: Any) -> bool:
    """true or false, also spelled as people do in environments."""
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else ""
    if word in ("true", "yes", "on", "1"):
        return True
    if word in ("false", "no", "off", "0"):
        return False
    raise ValueError("true or false")


def whole_number(least: int, most: int) -> Parser:
    """A parser for a whole number in that range."""

    def parse(value: Any) -> int:
        if isinstance(value, str) and re.fullmatch(r"[0-9]{1,18}", value.strip(), re.ASCII):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return value

    return parse


def duration_s(value: Any) -> int:
    """Seconds, or a number with a unit: `90s`, `30m`, `12h`, `7d`, `2w`."""
    match = re.fullmatch(r"([0-9]{1,9})\s*([smhdw]?)", str(value).strip().lower(), re.ASCII)
    if isinstance(value, bool) or match is None or int(match[1]) == 0:
        raise ValueError("a time like 90s, 30m, 12h or 7d")
    return int(match[1]) * _UNITS_S[match[2] or "s"]


def duration_text(seconds: int) -> str:
    """`seconds` as `duration_s` reads it, in the largest unit that fits: `7d`."""
    unit = max(
        (unit for unit, size in _UNITS_S.items() if seconds % size == 0 and unit != "w"), key=_UNITS_S.__getitem__
    )
    return f"{seconds // _UNITS_S[unit]}{unit}"


def texts(value: Any) -> tuple[str, ...]:
    """A list of texts; as text, separated by commas."""
    if isinstance(value, str):
        value = [part for part in (piece.strip() for piece in value.split(",")) if part]
    if not isinstance(value, (list, tuple)) or not all(isinstance(part, str) and part for part in value):
        raise ValueError("a list of texts")
    return tuple(value)


def networks(value: Any) -> tuple[str, ...]:
    """A list of addresses and networks, as text separated by commas: `127.0.0.1,10.0.0.0/8`."""
    found = texts(value)
    try:
        for network in found:
            ipaddress.ip_network(network)
    except ValueError as error:
        raise ValueError(f"a list of addresses or networks like 10.0.0.0/8 ({error})") from error
    return found


def one_of(*words: str) -> Parser:
    """A parser for one of these words, in any case."""

    def parse(value: Any) -> str:
        word = value.strip().lower() if isinstance(value, str) else ""
        if word not in words:
            raise ValueError(f"one of {', '.join(words)}")
        return word

    return parse


def command(value: Any) -> tuple[str, ...]:
    """A program and its arguments: a list, or one line as for a shell (which is not used)."""
    words = shlex.split(value) if isinstance(value, str) else value
    if not isinstance(words, (list, tuple)) or not words or not all(isinstance(word, str) for word in words):
        raise ValueError("a command: one line, or a list of words")
    return tuple(words)


def variables(value: Any) -> dict[str, str]:
    """Environment variables: a mapping; as text, a JSON object."""
    if isinstance(value, str):
        value = json.loads(value) if value.lstrip().startswith("{") else None
    if not isinstance(value, Mapping) or not all(
        isinstance(name, str) and _VARIABLE_NAME.fullmatch(name) and isinstance(one, (str, int))
        for name, one in value.items()
    ):
        raise ValueError("a mapping of variable names to texts")
    return {name: str(one) for name, one in value.items()}


def scenario(value: Any) -> str | dict[str, Any]:
    """The path of a scenario file, or the scenario itself."""
    if isinstance(value, Mapping):
        return dict(value)
    return text(value)


def existing_file(value: Any) -> Any:
    """A path as a daemon finds it that was started elsewhere: absolute. Raises ValueError where no file is."""
    if not isinstance(value, str):
        return value
    path = Path(value).expanduser().absolute()
    if not path.is_file():
        raise ValueError("a file that is there")
    return str(path)


def database_url(value: Any) -> str:
    """`sqlite:///path`, `postgresql://…` or `libsql://…`."""
    if not isinstance(value, str) or not re.match(r"(sqlite|postgresql|postgres|libsql)(\+\w+)?://", value):
        raise ValueError("sqlite:///<path>, postgresql://… or libsql://…")
    return value


@dataclass(frozen=True)
class Key:
    """One setting. In `name`, `<name>` stands for any name of an agent or a credential."""

    name: str
    parse: Parser
    default: Any
    about: str
    is_secret: bool = False
    is_local: bool = False
    """Settable only in the file, or by the CLI on that machine: it decides what is executed, or who is trusted."""
    counts_at_once: bool = False
    """A running daemon that reads its settings again goes by the new value; otherwise it waits for the next start."""
    shown: Callable[[Any], Any] = lambda value: value
    """The value as people write it."""
    kept: Callable[[Any], Any] = lambda value: value
    """What is written to the file of a value that somebody sets. Raises ValueError, as `parse` does."""


KEYS: tuple[Key, ...] = (
    Key("daemon.host", text, "127.0.0.1", "address to listen on", is_local=True),
    Key("daemon.port", whole_number(0, 65_535), 3030, "port to listen on; 0 takes a free one"),
    Key("daemon.require_auth", boolean, False, "whether everybody has to sign in", is_local=True),
    Key("daemon.allowed_hosts", texts, (), "names a request may address, beside the loopback ones", is_local=True),
    Key("daemon.allowed_origins", texts, (), "web origins let in beside the GUI's own", is_local=True),
    Key(
        "daemon.jwt_secret", text, None, "key of the access tokens; made on first start", is_secret=True, is_local=True
    ),
    Key(
        "daemon.jwt_expires",
        duration_s,
        7 * 86_400,
        "how long an access token is good: 12h, 7d",
        is_local=True,
        shown=duration_text,
    ),
    Key(
        "daemon.trusted_proxies",
        networks,
        (),
        "addresses or networks of reverse proxies whose word on who calls is believed",
        is_local=True,
    ),
    Key(
        "daemon.proxy_header",
        one_of("x-forwarded-for", "forwarded"),
        "x-forwarded-for",
        "the header they write: x-forwarded-for, forwarded; the other counts where that one is missing",
        is_local=True,
    ),
    Key("daemon.max_runs", whole_number(1, 1000), 8, "agent runs at once", counts_at_once=True),
    Key(
        "database.url",
        database_url,
        None,
        "sqlite:///path, postgresql://… or libsql://…",
        is_secret=True,
        is_local=True,
    ),
    Key("events.keep_days", whole_number(1, 3650), 7, "days the change log is kept", counts_at_once=True),
    Key(
        "events.keep_rows",
        whole_number(1000, 100_000_000),
        200_000,
        "rows of the change log that are kept",
        counts_at_once=True,
    ),
    Key("events.recovery_s", whole_number(0, 86_400), 120, "seconds a dropped connection may come back within"),
    Key("limits.head_s", whole_number(1, 3600), 20, "seconds a request's head may take"),
    Key("limits.body_s", whole_number(1, 3600), 60, "seconds a request's body may take"),
    Key("limits.idle_s", whole_number(1, 3600), 75, "seconds a connection may wait for its next request"),
    Key("limits.unread_s", whole_number(1, 3600), 60, "seconds in which an answer may not be read any further"),
    Key("limits.body_bytes", whole_number(100_000, 1_000_000_000), 10_000_000, "bytes a request's body may have"),
    Key(
        "limits.stranger_body_bytes",
        whole_number(1024, 1_000_000_000),
        256 * 1024,
        "bytes it may have where nobody has signed in, though everybody has to",
    ),
    Key(
        "limits.stranger_connections",
        whole_number(1, 1_000_000),
        256,
        "connections from one address on which nobody has signed in, though everybody has to",
    ),
    Key("limits.sockets", whole_number(1, 1_000_000), 10_000, "open sockets of clients"),
    Key(
        "limits.json_containers",
        whole_number(1000, 1_000_000_000),
        500_000,
        "lists and objects that one body or frame may have",
    ),
    Key(
        "limits.change_over_s",
        whole_number(1, 3600),
        10,
        "seconds within which a polling client is on the WebSocket it has opened",
    ),
    Key(
        "limits.git_s",
        whole_number(1, 3600),
        2,
        "seconds a list waits for git to say how worktrees stand; what takes longer is shown as it was",
    ),
    Key(
        "agents.<name>.command",
        command,
        None,
        "the program to run; found on the PATH by default",
        is_local=True,
        counts_at_once=True,
    ),
    Key(
        "agents.<name>.model",
        text,
        None,
        "the model, where a session names none",
        is_local=True,
        counts_at_once=True,
    ),
    Key(
        "agents.<name>.env",
        variables,
        None,
        "more environment variables for it",
        is_secret=True,
        is_local=True,
        counts_at_once=True,
    ),
    Key(
        "agents.<name>.limit",
        duration_s,
        None,
        "how long it may work on one prompt: 2h; the time people take for an answer is not counted",
        counts_at_once=True,
        shown=lambda seconds: None if seconds is None else duration_text(seconds),
    ),
    Key(
        "agents.scripted.scenario",
        scenario,
        None,
        "what the scripted agent plays: a file, or the scenario",
        is_local=True,
        counts_at_once=True,
        kept=existing_file,
    ),
    Key(
        "credentials.<NAME>",
        text,
        None,
        "an API key; from the environment by default",
        is_secret=True,
        is_local=True,
        counts_at_once=True,
    ),
)

ALLOW_ANONYMOUS = Key("daemon.allow_anonymous", boolean, None, "the opposite of daemon.require_auth", is_local=True)
"""Another way to say `daemon.require_auth`; it has no value of its own."""

_FIXED = {key.name: key for key in (*KEYS, ALLOW_ANONYMOUS) if "<" not in key.name}
_AGENT_KEYS = {key.name.rpartition(".")[2]: key for key in KEYS if key.name.startswith("agents.<name>.")}
_CREDENTIAL = KEYS[-1]


def key_of(name: str) -> Key:
    """The key called `name`. Raises ConfigError that names the nearest known one."""
    if (fixed := _FIXED.get(name)) is not None:
        return fixed
    section, _, rest = name.partition(".")
    if section == "agents":
        agent, _, field = rest.partition(".")
        if _AGENT_NAME.fullmatch(agent) and field in _AGENT_KEYS:
            return _AGENT_KEYS[field]
    if section == "credentials" and _VARIABLE_NAME.fullmatch(rest):
        return _CREDENTIAL
    raise ConfigError(f"unknown setting {name!r}; {_nearest(name)}")


def fixed_names() -> list[str]:
    """The keys that are not about a named agent or credential, `daemon.allow_anonymous` among them."""
    return list(_FIXED)


def parse(name: str, value: Any, where: str, *, to_keep: bool = False) -> Any:
    """`value` as the type of the key `name`, or, `to_keep`, as the file is to hold what somebody sets.

    Raises ConfigError with what it should be; `where` names the spot.
    """
    key = key_of(name)
    try:
        return key.kept(key.parse(value)) if to_keep else key.parse(value)
    except ValueError as error:
        shown = "" if key.is_secret else f", not {value!r}"
        wanted = "a JSON object" if isinstance(error, json.JSONDecodeError) else str(error)
        raise ConfigError(f"{where} must be {wanted}{shown}") from error


def environment_name(name: str) -> str:
    """The variable that sets the key `name`: `daemon.port` is `AGOR_DAEMON_PORT`."""
    return "AGOR_" + re.sub(r"[.-]", "_", name).upper()


def _nearest(name: str) -> str:
    agent = name.split(".")[1] if name.startswith("agents.") and name.count(".") > 1 else "<name>"
    known = [*_FIXED, "credentials.<NAME>", *(f"agents.{agent}.{field}" for field in _AGENT_KEYS)]
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else "`agor config list` shows what there is"
