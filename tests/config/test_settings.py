"""Settings: four sources in one order, and errors that say what to change."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from agor_core.config import KEYS, Source, environment_name, load_settings
from agor_core.errors import ConfigError


def write(home: Path, content: str) -> Path:
    """A configuration file in `home`."""
    home.mkdir(exist_ok=True)
    path = home / "config.yaml"
    path.write_text(content)
    return path


def test_an_empty_home_has_the_documented_defaults(tmp_path: Path) -> None:
    """Nothing set anywhere: loopback, port 3030, nobody signs in, an SQLite file in the home."""
    settings = load_settings(tmp_path, environ={})
    assert (settings.daemon.host, settings.daemon.port) == ("127.0.0.1", 3030)
    assert settings.daemon.require_auth is False
    assert settings.daemon.jwt_expires_s == 7 * 24 * 3600
    assert settings.daemon.max_runs == 8
    assert settings.database.url == f"sqlite:///{tmp_path}/agor.db"
    assert (settings.events.keep_days, settings.events.keep_rows, settings.events.recovery_s) == (7, 200_000, 120)
    assert settings.agents == {}
    assert settings.source_of("daemon.port") is Source.DEFAULT


def test_flag_beats_environment_beats_file_beats_default(tmp_path: Path) -> None:
    """Each source hides the ones below it, and the value knows where it came from."""
    write(tmp_path, "daemon: {port: 1001}\n")
    environ = {"AGOR_DAEMON_PORT": "1002"}
    file = load_settings(tmp_path, environ={})
    environment = load_settings(tmp_path, environ=environ)
    flag = load_settings(tmp_path, environ=environ, flags={"daemon.port": 1003})
    assert [one.daemon.port for one in (file, environment, flag)] == [1001, 1002, 1003]
    assert [one.source_of("daemon.port") for one in (file, environment, flag)] == ["file", "environment", "flag"]


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("daemon.host", "::1", "::1"),
        ("daemon.port", "0", 0),
        ("daemon.require_auth", "true", True),
        ("daemon.allowed_hosts", "a.example, b.example", ("a.example", "b.example")),
        ("daemon.allowed_origins", "https://a.example", ("https://a.example",)),
        ("daemon.jwt_secret", "s" * 40, "s" * 40),
        ("daemon.jwt_expires", "12h", 12 * 3600),
        ("daemon.max_runs", "3", 3),
        ("daemon.trusted_proxies", "127.0.0.1, 10.0.0.0/8, fd00::/8", ("127.0.0.1", "10.0.0.0/8", "fd00::/8")),
        ("daemon.proxy_header", "Forwarded", "forwarded"),
        ("database.url", "postgresql://localhost/agor", "postgresql://localhost/agor"),
        ("events.keep_days", "1", 1),
        ("events.keep_rows", "5000", 5000),
        ("events.recovery_s", "30", 30),
        ("limits.head_s", "5", 5),
        ("limits.body_s", "600", 600),
        ("limits.idle_s", "10", 10),
        ("limits.unread_s", "30", 30),
        ("limits.body_bytes", "50000000", 50_000_000),
        ("limits.stranger_body_bytes", "4096", 4096),
        ("limits.stranger_connections", "16", 16),
        ("limits.sockets", "50", 50),
        ("limits.json_containers", "2000", 2000),
        ("limits.change_over_s", "3", 3),
        ("limits.git_s", "20", 20),
        ("agents.claude-code.command", "claude --debug", ("claude", "--debug")),
        ("agents.my-own.model", "big", "big"),
        ("agents.claude-code.limit", "2h", 7200),
        ("agents.codex.env", '{"A": "1"}', {"A": "1"}),
        ("agents.scripted.scenario", "/tmp/play.yaml", "/tmp/play.yaml"),
        ("credentials.ANTHROPIC_API_KEY", "sk-1", "sk-1"),
    ],
)
def test_every_key_is_also_an_environment_variable(tmp_path: Path, key: str, text: str, value: Any) -> None:
    """`daemon.port` is AGOR_DAEMON_PORT, and so on for all of them."""
    # Where others come in through a proxy, everybody has to sign in.
    write(tmp_path, "daemon: {require_auth: true}\n")
    settings = load_settings(tmp_path, environ={environment_name(key): text})
    assert settings.values[key] == value
    assert settings.source_of(key) is Source.ENVIRONMENT


def test_the_table_above_names_every_key() -> None:
    """A key that is added to the configuration is added to the test of environment variables too."""
    marks = test_every_key_is_also_an_environment_variable.pytestmark
    tested = {row[0] for row in marks[0].args[1]}
    for key in KEYS:
        beginning, _, end = key.name.partition("<")
        ending = end.partition(">")[2]
        assert any(name.startswith(beginning) and name.endswith(ending or name) for name in tested), key.name


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("daemon: {prot: 1}\n", "unknown setting 'daemon.prot'; did you mean 'daemon.port'?"),
        ("demon: {port: 1}\n", "unknown setting 'demon'"),
        ("agents: {codex: {comand: x}}\n", "did you mean 'agents.codex.command'?"),
        ("agents: {codex: {scenario: x}}\n", "unknown setting 'agents.codex.scenario'"),
        ("daemon: {port: many}\n", "must be a whole number from 0 to 65535, not 'many'"),
        ("daemon: {port: true}\n", "must be a whole number"),
        ("daemon: {port: 70000}\n", "must be a whole number from 0 to 65535"),
        ("daemon: {require_auth: maybe}\n", "must be true or false"),
        ("daemon: {jwt_expires: soon}\n", "must be a time like 90s"),
        ("daemon: {trusted_proxies: [10.0.0.1/8]}\n", "must be a list of addresses or networks like 10.0.0.0/8"),
        ("daemon: {trusted_proxies: [proxy.example]}\n", "must be a list of addresses or networks like 10.0.0.0/8"),
        ("daemon: {proxy_header: X-Real-IP}\n", "must be one of x-forwarded-for, forwarded, not 'X-Real-IP'"),
        ("limits: {head_s: 0}\n", "must be a whole number from 1 to 3600"),
        ("limits: {json_containers: 999}\n", "must be a whole number from 1000 to 1000000000"),
        ("limits: {change_over_s: 0.5}\n", "must be a whole number from 1 to 3600"),
        ("limits: {hedd_s: 5}\n", "did you mean 'limits.head_s'?"),
        ("daemon: 3030\n", "must be a mapping"),
        ("agents: {codex: fast}\n", "agents.codex in"),
        ("- a\n", "must be a mapping"),
        ("daemon: {port: 1\n", "line 2"),
        ("database: {url: 'mysql://x'}\n", "must be sqlite:///<path>, postgresql://… or libsql://…"),
        ("daemon: {require_auth: true, allow_anonymous: true}\n", "contradict each other"),
    ],
)
def test_a_wrong_file_is_told_in_one_line(tmp_path: Path, content: str, said: str) -> None:
    """The message names the key, what it should be, and for a slip of the keyboard the nearest known key."""
    write(tmp_path, content)
    with pytest.raises(ConfigError) as error:
        load_settings(tmp_path, environ={})
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_misspelt_variable_is_an_error_and_others_are_none_of_ours(tmp_path: Path) -> None:
    """AGOR_DAEMON_PROT is told; AGOR_DAEMON_URL, AGOR_NO_BROWSER and empty variables set nothing."""
    with pytest.raises(ConfigError, match=r"daemon\.port"):
        load_settings(tmp_path, environ={"AGOR_DAEMON_PROT": "1"})
    environ = {"AGOR_DAEMON_URL": "http://x", "AGOR_NO_BROWSER": "1", "AGOR_DAEMON_PORT": "", "AGOR_HOME": "/x"}
    assert load_settings(tmp_path, environ=environ).daemon.port == 3030


def test_a_secret_is_not_in_the_error_about_it(tmp_path: Path) -> None:
    """A wrong type of a secret is told without repeating the secret."""
    write(tmp_path, "credentials: {ANTHROPIC_API_KEY: [sk-ant-123]}\n")
    with pytest.raises(ConfigError, match="must be text") as error:
        load_settings(tmp_path, environ={})
    assert "sk-ant" not in str(error.value)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "agor.example"])
def test_a_daemon_open_to_the_network_needs_sign_in_and_host_names(tmp_path: Path, host: str) -> None:
    """A host beyond loopback is refused until signing in is required and the hosts are named."""
    flags: dict[str, Any] = {"daemon.host": host}
    with pytest.raises(ConfigError, match=r"daemon\.require_auth true"):
        load_settings(tmp_path, environ={}, flags=flags)
    flags["daemon.require_auth"] = True
    with pytest.raises(ConfigError, match=r"daemon\.allowed_hosts"):
        load_settings(tmp_path, environ={}, flags=flags)
    flags["daemon.allowed_hosts"] = "agor.example"
    assert load_settings(tmp_path, environ={}, flags=flags).daemon.host == host


def test_a_daemon_behind_a_proxy_needs_sign_in(tmp_path: Path) -> None:
    """Who names proxies lets others in through them: that is refused until signing in is required."""
    flags: dict[str, Any] = {"daemon.trusted_proxies": "127.0.0.1"}
    with pytest.raises(ConfigError, match=r"through daemon\.trusted_proxies 127\.0\.0\.1 .*daemon\.require_auth true"):
        load_settings(tmp_path, environ={}, flags=flags)
    flags["daemon.require_auth"] = True
    assert not load_settings(tmp_path, environ={}, flags=flags).daemon.is_private


def test_allow_anonymous_false_is_require_auth_true(tmp_path: Path) -> None:
    """The two names are one setting; a source above decides in either spelling."""
    write(tmp_path, "daemon: {allow_anonymous: false}\n")
    assert load_settings(tmp_path, environ={}).daemon.require_auth is True
    assert load_settings(tmp_path, environ={"AGOR_DAEMON_REQUIRE_AUTH": "no"}).daemon.require_auth is False


def test_a_key_of_the_users_environment_counts_below_the_file(tmp_path: Path) -> None:
    """ANTHROPIC_API_KEY is taken from the environment, unless the file has one."""
    environ = {"ANTHROPIC_API_KEY": "sk-environment"}
    assert load_settings(tmp_path, environ=environ).credentials == {"ANTHROPIC_API_KEY": "sk-environment"}
    write(tmp_path, "credentials: {ANTHROPIC_API_KEY: sk-file}\n")
    assert load_settings(tmp_path, environ=environ).credentials == {"ANTHROPIC_API_KEY": "sk-file"}


def test_secrets_are_masked_where_they_are_shown(tmp_path: Path) -> None:
    """Neither `shown` nor the representation of the settings has a secret in clear."""
    write(
        tmp_path,
        "credentials: {ANTHROPIC_API_KEY: sk-ant-0123456789abcdef}\n"
        "database: {url: 'postgresql://me:hunter2@db/agor'}\n"
        "agents: {codex: {env: {TOKEN: hush}}}\n",
    )
    settings = load_settings(tmp_path, environ={})
    assert settings.shown("credentials.ANTHROPIC_API_KEY") == "••••cdef"
    assert settings.shown("database.url") == "postgresql://me:••••@db/agor"
    assert settings.shown("agents.codex.env") == {"TOKEN": "••••"}
    assert settings.shown("daemon.port") == 3030
    assert settings.shown("daemon.jwt_expires") == "7d"
    for secret in ("0123456789", "hunter2", "hush"):
        assert secret not in repr(settings)


def test_reading_a_file_takes_it_from_others(tmp_path: Path) -> None:
    """A file that others could read is closed to them when it is read."""
    path = write(tmp_path, "daemon: {port: 1}\n")
    path.chmod(0o644)
    load_settings(tmp_path, environ={})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_home_is_named_by_the_environment(tmp_path: Path) -> None:
    """AGOR_HOME, made absolute; without it `.agor` in the user's home."""
    assert load_settings(environ={"AGOR_HOME": str(tmp_path / "x")}).home == tmp_path / "x"
    assert load_settings(environ={}).home.name == ".agor"
