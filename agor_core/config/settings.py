"""The settings in force: flag beats environment beats file beats default, and each remembers which it was."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

from agor_core.config.file import CONFIG_FILE, read_file
from agor_core.config.keys import KEYS, KNOWN_AGENTS, KNOWN_CREDENTIALS, environment_name, fixed_names, key_of, parse
from agor_core.errors import ConfigError

# Variables of clients, which look like keys of the sections below and are none.
_NOT_KEYS = frozenset({"AGOR_DAEMON_URL"})


SECTIONS = ("daemon", "database", "events", "limits", "agents", "credentials")


class Source(StrEnum):
    """Where a value came from."""

    FLAG = "flag"
    ENVIRONMENT = "environment"
    FILE = "file"
    DEFAULT = "default"


@dataclass(frozen=True)
class DaemonSettings:
    """`daemon.*`."""

    host: str
    port: int
    require_auth: bool
    allowed_hosts: tuple[str, ...]
    """Beside the loopback names, which are always allowed."""
    allowed_origins: tuple[str, ...]
    jwt_secret: str | None = field(repr=False)
    """None: the one kept in the home; see `jwt_secret`."""
    jwt_expires_s: int
    max_runs: int
    trusted_proxies: tuple[str, ...]
    """Addresses and networks of those whose word on where a request comes from is taken."""
    proxy_header: str
    """In which header they give it."""

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can connect."""
        return is_loopback(self.host)

    @property
    def is_private(self) -> bool:
        """Whether nobody else can reach it, through a proxy on this machine either."""
        return self.is_loopback and not self.trusted_proxies


@dataclass(frozen=True)
class DatabaseSettings:
    """`database.*`."""

    url: str = field(repr=False)


@dataclass(frozen=True)
class EventSettings:
    """`events.*`."""

    keep_days: int
    keep_rows: int
    recovery_s: int


@dataclass(frozen=True)
class LimitSettings:
    """`limits.*`: what anybody may take of the daemon."""

    head_s: int
    body_s: int
    idle_s: int
    unread_s: int
    body_bytes: int
    stranger_body_bytes: int
    stranger_connections: int
    sockets: int
    json_containers: int
    change_over_s: int
    git_s: int


@dataclass(frozen=True)
class AgentSettings:
    """`agents.<name>.*`."""

    command: tuple[str, ...] | None = None
    model: str | None = None
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    limit: int | None = None
    """Seconds that one prompt may take, the time people think not counted."""
    scenario: str | dict[str, Any] | None = None


@dataclass(frozen=True)
class Settings:
    """All settings of one home. `agents` has an entry for each agent that something is set for."""

    home: Path
    daemon: DaemonSettings
    database: DatabaseSettings
    events: EventSettings
    limits: LimitSettings
    agents: Mapping[str, AgentSettings]
    credentials: Mapping[str, str] = field(repr=False)
    values: Mapping[str, Any] = field(repr=False)
    """Every value by its key, secrets in clear."""
    sources: Mapping[str, Source] = field(repr=False)

    def source_of(self, key: str) -> Source:
        """Where the value of `key` came from. Raises ConfigError for an unknown key."""
        key_of(key)
        return self.sources.get(key, Source.DEFAULT)

    def agent(self, name: str) -> AgentSettings:
        """What is set for the agent `name`."""
        return self.agents.get(name, AgentSettings())

    def shown(self, key: str) -> Any:
        """The value of `key` as it may be shown: as people write it, secrets masked."""
        value, known = self.values.get(key), key_of(key)
        return masked(value) if known.is_secret else known.shown(value)


def load_settings(
    home: Path | str | None = None,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
) -> Settings:
    """The settings of `home` (default: `AGOR_HOME`, else `~/.agor`). `flags` are values by key.

    Raises ConfigError for an unknown key, a wrong type, or a daemon that would be open to the network.
    """
    environ = os.environ if environ is None else environ
    at = home_of(environ) if home is None else Path(home).expanduser().absolute()
    return settings_from(at, read_file(at), environ, flags or {})


def settings_from(
    home: Path, file: Mapping[str, Any], environ: Mapping[str, str], flags: Mapping[str, Any]
) -> Settings:
    """As `load_settings`, with what the file says given."""
    values, sources = _defaults(home, environ)
    for source, layer in (
        (Source.FILE, _file_layer(home / CONFIG_FILE, file)),
        (Source.ENVIRONMENT, _environment_layer(environ)),
        (Source.FLAG, {key: parse(key, value, f"the value given for {key}") for key, value in flags.items()}),
    ):
        for key, value in _without_alias(layer).items():
            values[key], sources[key] = value, source
    settings = _settings(home, values, sources)
    _refuse_open_daemon(settings.daemon)
    return settings


def home_of(environ: Mapping[str, str]) -> Path:
    """The home directory that `environ` names, absolute; it need not exist."""
    return Path(environ.get("AGOR_HOME") or "~/.agor").expanduser().absolute()


def is_loopback(host: str) -> bool:
    """Whether `host` names this machine only."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def masked(value: Any) -> Any:
    """A secret as it may be shown: only that there is one, and of a long one its last four characters."""
    match value:
        case None:
            return None
        case Mapping():
            return {name: masked(one) for name, one in value.items()}
        case str() if "://" in value:
            return re.sub(
                r"//([^/@:]*):[^/@]*@", r"//\1:••••@", re.sub(r"([?&][^=&]*token=)[^&]*", r"\1••••", value, flags=re.I)
            )
        case str() if len(value) >= 16:
            return f"••••{value[-4:]}"
    return "••••"


def _defaults(home: Path, environ: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Source]]:
    values = {key.name: key.default for key in KEYS if "<" not in key.name}
    values["database.url"] = f"sqlite:///{home / 'agor.db'}"
    sources: dict[str, Source] = {}
    for name in KNOWN_CREDENTIALS:
        if environ.get(name):
            values[f"credentials.{name}"] = environ[name]
            sources[f"credentials.{name}"] = Source.ENVIRONMENT
    return values, sources


def _file_layer(path: Path, tree: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a file by key. Raises ConfigError for what is no key, or of another type."""
    flat: dict[str, Any] = {}
    for section, content in tree.items():
        if section not in SECTIONS:
            key_of(str(section))  # raises, and names the nearest
        for name, value in _mapping(section, content, path).items():
            if section == "agents":
                flat.update(
                    {f"agents.{name}.{field}": one for field, one in _mapping(f"agents.{name}", value, path).items()}
                )
            else:
                flat[f"{section}.{name}"] = value
    return {key: parse(key, value, f"{key} in {path}") for key, value in flat.items()}


def _mapping(name: str, content: Any, path: Path) -> Mapping[str, Any]:
    if content is None:  # a section whose lines are all comments
        return {}
    if not isinstance(content, Mapping):
        raise ConfigError(f"{name} in {path} must be a mapping of settings")
    return content


def _environment_layer(environ: Mapping[str, str]) -> dict[str, Any]:
    layer: dict[str, Any] = {}
    names = {environment_name(name): name for name in fixed_names()}
    for variable, value in environ.items():
        if variable in _NOT_KEYS or not value:
            continue
        key = names.get(variable) or _key_of_variable(variable)
        if key is not None:
            layer[key] = parse(key, value, f"the environment variable {variable}")
    return layer


def _key_of_variable(variable: str) -> str | None:
    """The key that a variable of one of our sections sets; None for any other variable."""
    section, _, rest = variable.removeprefix("AGOR_").partition("_")
    if not variable.startswith("AGOR_") or not rest:
        return None
    if section == "CREDENTIALS":
        return f"credentials.{rest}"
    if section == "AGENTS":
        agent, _, field = rest.lower().rpartition("_")
        spelled = {environment_name(name): name for name in KNOWN_AGENTS}
        return f"agents.{spelled.get(f'AGOR_{agent.upper()}', agent.replace('_', '-'))}.{field}"
    return f"{section}.{rest}".lower() if section in ("DAEMON", "DATABASE", "EVENTS", "LIMITS") else None


def _without_alias(layer: Mapping[str, Any]) -> dict[str, Any]:
    """`layer` with `daemon.allow_anonymous` said as `daemon.require_auth`, its opposite."""
    plain = dict(layer)
    if "daemon.allow_anonymous" in plain:
        require_auth = not plain.pop("daemon.allow_anonymous")
        if plain.setdefault("daemon.require_auth", require_auth) is not require_auth:
            raise ConfigError("daemon.require_auth and daemon.allow_anonymous contradict each other; keep one of them")
    return plain


def _settings(home: Path, values: dict[str, Any], sources: dict[str, Source]) -> Settings:
    by_agent: dict[str, dict[str, Any]] = {}
    for key, value in values.items():
        if key.startswith("agents.") and value is not None:
            _, agent, name = key.split(".")
            by_agent.setdefault(agent, {})[name] = value
    daemon = {name: values[f"daemon.{name}"] for name in ("host", "port", "require_auth", "jwt_secret", "max_runs")}
    return Settings(
        home=home,
        daemon=DaemonSettings(
            **daemon,
            allowed_hosts=values["daemon.allowed_hosts"],
            allowed_origins=values["daemon.allowed_origins"],
            jwt_expires_s=values["daemon.jwt_expires"],
            trusted_proxies=values["daemon.trusted_proxies"],
            proxy_header=values["daemon.proxy_header"],
        ),
        database=DatabaseSettings(url=values["database.url"]),
        events=EventSettings(
            keep_days=values["events.keep_days"],
            keep_rows=values["events.keep_rows"],
            recovery_s=values["events.recovery_s"],
        ),
        limits=LimitSettings(**{limit.name: values[f"limits.{limit.name}"] for limit in fields(LimitSettings)}),
        agents={name: AgentSettings(**found) for name, found in by_agent.items()},
        credentials={key.partition(".")[2]: value for key, value in values.items() if key.startswith("credentials.")},
        values=values,
        sources=sources,
    )


def _refuse_open_daemon(daemon: DaemonSettings) -> None:
    if daemon.is_private:
        return
    proxied = f"through daemon.trusted_proxies {', '.join(daemon.trusted_proxies)} others can reach this daemon"
    opening = proxied if daemon.is_loopback else f"daemon.host {daemon.host} can be reached from the network"
    if not daemon.require_auth:
        raise ConfigError(f"{opening}: first make everybody sign in with `agor config set daemon.require_auth true`")
    # A proxy on this machine may call the daemon by a name of loopback, whatever its clients say.
    if not daemon.allowed_hosts and not daemon.is_loopback:
        raise ConfigError(
            f"{opening}: first name the hosts it is called by with `agor config set daemon.allowed_hosts <name>,…`"
        )
