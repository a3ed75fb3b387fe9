"""Transcripts that share a past: what both hold is stored once, whichever is imported first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.conftest import wait_for_task
from tests.fake_anthropic import FakeAnthropic
from tests.support.daemon import Daemon, clean_environment, running_daemon
from tests.support.talk import Talk, say


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    folder = tmp_path_factory.mktemp("forks")
    with running_daemon(folder, environment=clean_environment(folder / "home")) as running:
        yield running


def load(daemon: Daemon, talk: Talk) -> dict[str, Any]:
    session: dict[str, Any] = daemon.call("POST", "/sessions/import", {"path": str(talk.path)})
    return session


def said(daemon: Daemon, session: dict[str, Any], history: str = "") -> list[str]:
    page = daemon.call("GET", f"/messages?session_id={session['session_id']}{history}&$limit=1000")
    return [message["content_preview"] for message in page["data"]]


def exchange(talk: Talk, word: str) -> None:
    talk.say("user", word)
    talk.say("assistant", say(f"{word} answered"), message={"id": f"{talk.session_id}-{word}"})


@pytest.mark.parametrize("first", ["origin", "fork"])
def test_a_fork_holds_only_what_is_its_own(daemon: Daemon, tmp_path: Path, first: str) -> None:
    """The one that comes second is a fork of the other at the last prompt both have whole; each history is whole."""
    origin = Talk(tmp_path)
    for word in ("one", "two"):
        exchange(origin, word)
    fork = origin.forked()
    exchange(origin, "three")
    exchange(fork, "other")
    talks = (origin, fork) if first == "origin" else (fork, origin)
    holder, second = [load(daemon, talk) for talk in talks]
    shared = ["one", "one answered", "two", "two answered"]
    own = {origin.session_id: ["three", "three answered"], fork.session_id: ["other", "other answered"]}
    assert said(daemon, holder) == [*shared, *own[holder["agent_session_id"]]]
    assert said(daemon, second) == own[second["agent_session_id"]]
    assert said(daemon, second, "&$history=true") == [*shared, *own[second["agent_session_id"]]]
    assert second["forked_from_session_id"] == holder["session_id"]
    point = daemon.call("GET", f"/tasks/{second['genealogy']['fork_point_task_id']}")
    assert (point["session_id"], point["full_prompt"]) == (holder["session_id"], "two")
    assert (second["imported"]["messages"], second["message_count"]) == (2, 2)

    exchange(fork, "later")
    exchange(origin, "at last")
    for talk, known in zip(talks, (holder, second), strict=True):
        again = load(daemon, talk)
        assert (again["session_id"], again["imported"]["outcome"]) == (known["session_id"], "added")
        assert (again["imported"]["messages"], again["imported"]["tasks"]) == (2, 1)
        assert load(daemon, talk)["imported"]["outcome"] == "unchanged"


def test_forks_of_forks_find_the_nearest(daemon: Daemon, tmp_path: Path) -> None:
    """A fork belongs to the session with which it shares most, not to the first that began alike."""
    root = Talk(tmp_path)
    exchange(root, "one")
    branch = root.forked()
    exchange(branch, "two")
    leaf = branch.forked()
    exchange(leaf, "three")
    beside = root.forked()
    exchange(beside, "four")
    stored = {talk.session_id: load(daemon, talk) for talk in (root, branch, beside, leaf)}
    parents = {id: one["forked_from_session_id"] for id, one in stored.items()}
    assert parents[branch.session_id] == parents[beside.session_id] == stored[root.session_id]["session_id"]
    assert parents[leaf.session_id] == stored[branch.session_id]["session_id"]
    assert said(daemon, stored[leaf.session_id]) == ["three", "three answered"]


def answers_go_on(talk: Talk) -> None:
    talk.say("assistant", say("and more"), message={"id": "more"})


@pytest.mark.parametrize("place", ["in the origin", "in the fork"])
def test_a_prompt_that_goes_on_differently_is_kept_by_both(daemon: Daemon, tmp_path: Path, place: str) -> None:
    """Where a fork leaves in the middle of an answer, that prompt is whole in each, and the one before is shared."""
    origin = Talk(tmp_path)
    exchange(origin, "one")
    exchange(origin, "two")
    fork = origin.forked()
    answers_go_on(origin if place == "in the origin" else fork)
    exchange(fork, "other")
    holder, second = load(daemon, origin), load(daemon, fork)
    assert second["forked_from_session_id"] == holder["session_id"]
    more = ["and more"] if place == "in the fork" else []
    assert said(daemon, second) == ["two", "two answered", *more, "other", "other answered"]
    assert load(daemon, fork)["imported"]["outcome"] == "unchanged"


def test_alike_is_not_the_same(daemon: Daemon, tmp_path: Path) -> None:
    """Two conversations that say the same at the same time, each with ids of its own, are two."""
    one, other = Talk(tmp_path), Talk(tmp_path)
    for talk in (one, other):
        exchange(talk, "hello")
    load(daemon, one)
    second = load(daemon, other)
    assert second["forked_from_session_id"] is None
    assert said(daemon, second) == ["hello", "hello answered"]


@pytest.mark.claude
def test_claudes_own_forks(tmp_path: Path) -> None:
    """What the real CLI forked outside is a fork here, of a session that ran here as of one that was imported."""
    script = {"rules": [{"when": {"user": "."}, "reply": [{"text": "Heard ${user}."}]}]}
    with FakeAnthropic(script).in_thread() as model:
        environment = clean_environment(tmp_path / "home", **model.environment(config_dir=tmp_path / "claude"))
        with running_daemon(tmp_path, environment=environment) as daemon:
            made = daemon.call("POST", "/sessions", {"agent": "claude-code", "cwd": str(tmp_path)})
            prompt(daemon, made, "first")
            fork = daemon.call("POST", f"/sessions/{made['session_id']}/fork", {})
            prompt(daemon, fork, "second")
            ids = [daemon.call("GET", f"/sessions/{one['session_id']}")["agent_session_id"] for one in (made, fork)]
            # As if it had been forked in a terminal: nothing is known of it but its file.
            daemon.call("DELETE", f"/sessions/{fork['session_id']}")
            again = daemon.call("POST", "/sessions/import", {"uuid": ids[1]})
            assert again["forked_from_session_id"] == made["session_id"]
            assert said(daemon, again) == ["second", "Heard second."]
            prompt(daemon, again, "third")
            assert "Heard first." in model.asked[-1].whole
        with running_daemon(tmp_path, environment={**environment, "AGOR_HOME": str(tmp_path / "other")}) as daemon:
            longer, shorter = [daemon.call("POST", "/sessions/import", {"uuid": id}) for id in reversed(ids)]
            assert shorter["forked_from_session_id"] == longer["session_id"]
            assert said(daemon, shorter, "&$history=true") == ["first", "Heard first."]
            assert shorter["message_count"] == 0


def prompt(daemon: Daemon, session: dict[str, Any], text: str) -> None:
    sent = daemon.call("POST", f"/sessions/{session['session_id']}/prompt", {"prompt": text})
    task = wait_for_task(daemon, sent["task_id"])
    assert task["status"] == "completed", task["error"]
