"""Editing `config.yaml`: what a person wrote stays, and nothing half-written is ever there."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from agor_core.config import jwt_secret, load_settings, set_value, unset_value
from agor_core.errors import ConfigError

COMMENTED = """\
# our daemon
daemon:
  port: 4000  # the old one was taken
  # nobody else here
  require_auth: false

events: {keep_days: 3}
"""


def test_a_value_set_is_the_value_read(tmp_path: Path) -> None:
    """What the shell hands over as text is stored as its type and read back."""
    home = tmp_path / "new" / "home"
    assert set_value(home, "daemon.port", "4000") == 4000
    set_value(home, "daemon.allowed_hosts", "a.example,b.example")
    set_value(home, "agents.claude-code.command", "claude --debug")
    settings = load_settings(home, environ={})
    assert settings.daemon.port == 4000
    assert settings.daemon.allowed_hosts == ("a.example", "b.example")
    assert settings.agent("claude-code").command == ("claude", "--debug")


def test_a_scenario_is_a_file_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is kept as a daemon finds it from any folder; a file that is not there is refused, and nothing is set."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"must be a file that is there, not 'play\.yaml'"):
        set_value(tmp_path, "agents.scripted.scenario", "play.yaml")
    assert not (tmp_path / "config.yaml").exists()
    (tmp_path / "play.yaml").write_text("turns: []\n")
    assert set_value(tmp_path, "agents.scripted.scenario", "play.yaml") == str(tmp_path / "play.yaml")
    assert load_settings(tmp_path, environ={}).agent("scripted").scenario == str(tmp_path / "play.yaml")


def test_home_and_file_belong_to_the_user_alone(tmp_path: Path) -> None:
    """0700 and 0600, whatever they were."""
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    set_value(home, "daemon.port", 4000)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "config.yaml").stat().st_mode) == 0o600
    assert [path.name for path in home.iterdir()] == ["config.yaml"]


def test_comments_and_order_survive_an_edit(tmp_path: Path) -> None:
    """Changing, adding and removing a value touches the lines of that value only."""
    path = tmp_path / "config.yaml"
    path.write_text(COMMENTED)
    set_value(tmp_path, "daemon.port", "5000")
    assert path.read_text() == COMMENTED.replace("4000", "5000")
    unset_value(tmp_path, "daemon.port")
    set_value(tmp_path, "daemon.max_runs", "2")
    set_value(tmp_path, "database.url", "sqlite:////tmp/x.db")
    text = path.read_text()
    assert "# our daemon" in text
    assert "# nobody else here" in text
    settings = load_settings(tmp_path, environ={})
    assert (settings.daemon.port, settings.daemon.max_runs, settings.events.keep_days) == (3030, 2, 3)
    assert settings.database.url == "sqlite:////tmp/x.db"


def test_a_layout_that_cannot_be_edited_in_place_still_gets_the_value(tmp_path: Path) -> None:
    """Sections on one line and lists over several lines are written anew, with everything else kept."""
    (tmp_path / "config.yaml").write_text("daemon:\n  allowed_hosts:\n  - a\n  - b\nevents: {keep_days: 3}\n")
    set_value(tmp_path, "events.recovery_s", 60)
    set_value(tmp_path, "daemon.allowed_hosts", "c")
    settings = load_settings(tmp_path, environ={})
    assert settings.daemon.allowed_hosts == ("c",)
    assert (settings.events.keep_days, settings.events.recovery_s) == (3, 60)


def test_unset_says_whether_there_was_something(tmp_path: Path) -> None:
    """The default comes back; a second time there is nothing to do."""
    set_value(tmp_path, "daemon.port", 4000)
    assert unset_value(tmp_path, "daemon.port") is True
    assert unset_value(tmp_path, "daemon.port") is False
    assert load_settings(tmp_path, environ={}).daemon.port == 3030


@pytest.mark.parametrize(
    ("key", "value"),
    [("daemon.prot", "1"), ("daemon.port", "x"), ("daemon.host", "0.0.0.0"), ("daemon.allow_anonymous", "true")],
)
def test_what_no_daemon_would_start_with_is_refused_and_changes_nothing(tmp_path: Path, key: str, value: str) -> None:
    """An unknown key, a wrong type, an open host, a contradiction: the file stays as it was."""
    path = tmp_path / "config.yaml"
    path.write_text("daemon: {require_auth: true}\n" if key == "daemon.allow_anonymous" else COMMENTED)
    before = path.read_text()
    with pytest.raises(ConfigError):
        set_value(tmp_path, key, value)
    assert path.read_text() == before


def test_a_broken_file_is_not_overwritten(tmp_path: Path) -> None:
    """What cannot be read is for a person to correct."""
    path = tmp_path / "config.yaml"
    path.write_text("daemon: {port: 1\n")
    with pytest.raises(ConfigError, match="correct it by hand"):
        set_value(tmp_path, "daemon.port", "2")
    assert path.read_text() == "daemon: {port: 1\n"


def test_the_token_secret_is_made_once_and_kept(tmp_path: Path) -> None:
    """The first start makes 256 bits for the owner's eyes only; later ones read them; a configured one wins."""
    home = tmp_path / "home"
    first = jwt_secret(load_settings(home, environ={}))
    assert len(first) == 64
    assert jwt_secret(load_settings(home, environ={})) == first
    (file,) = home.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert jwt_secret(load_settings(home, environ={"AGOR_DAEMON_JWT_SECRET": "x" * 32})) == "x" * 32
    file.write_text("")
    with pytest.raises(ConfigError, match="no usable secret"):
        jwt_secret(load_settings(home, environ={}))
