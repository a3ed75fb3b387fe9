"""What a second screen sees while an agent works, over Socket.IO."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

from agor_core.client import LiveClient
from tests.daemon.conftest import WAIT_LIMIT_S, start_session
from tests.support.daemon import Daemon, running_daemon
from tests.support.team import Client, make_user

# So slowly is said what is to be cut off before its end.
SLOWLY = {"pace_s": 30}


class Screen:
    """Hears everything of one daemon, and waits for what it is to see."""

    def __init__(self, client: LiveClient) -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self._news = asyncio.Event()
        for path, events in {
            "messages": ("created", "streaming:start", "streaming:chunk", "streaming:end", "streaming:error"),
            "tasks": ("created", "patched", "tool:start", "tool:complete"),
            "sessions": ("created", "patched"),
        }.items():
            for event in events:
                name = f"{path} {event}"
                client.on(name, partial(self._hear, name))

    def _hear(self, name: str, payload: dict[str, Any]) -> None:
        self.heard.append((name, payload))
        self._news.set()

    def of(self, name: str) -> list[dict[str, Any]]:
        return [payload for heard, payload in self.heard if heard == name]

    async def until(self, name: str, **fields: Any) -> dict[str, Any]:
        """The first such event with these fields."""
        async with asyncio.timeout(WAIT_LIMIT_S):
            while True:
                for payload in self.of(name):
                    if all(payload.get(key) == value for key, value in fields.items()):
                        return payload
                self._news.clear()
                await self._news.wait()


async def test_an_answer_streams_to_another_screen(daemon: Daemon, repository: Path) -> None:
    """Chunks come in order under the id and index of the message that follows, and add up to its text."""
    session = await asyncio.to_thread(start_session, daemon, repository)
    async with LiveClient(daemon.url) as watcher:
        screen = Screen(watcher)
        path = f"/sessions/{session['session_id']}/prompt"
        await asyncio.to_thread(daemon.call, "POST", path, {"prompt": "add a README"})
        await screen.until("sessions patched", status="idle")
    start = screen.of("messages streaming:start")[0]
    chunks = screen.of("messages streaming:chunk")
    answer = screen.of("messages created")[-1]
    assert [chunk["index"] for chunk in chunks] == list(range(len(chunks)))
    assert len(chunks) > 1
    assert {chunk["message_id"] for chunk in chunks} == {start["message_id"]} == {answer["message_id"]}
    assert start["message_index"] == answer["index"] == 1
    assert "".join(chunk["chunk"] for chunk in chunks) == answer["content"][0]["text"]
    names = [name for name, _ in screen.heard]
    assert names.index("messages streaming:start") < names.index("messages streaming:end")
    statuses = [payload["status"] for payload in screen.of("sessions patched")]
    assert statuses == ["running", "idle"]


async def test_what_was_said_before_a_stop_is_kept(
    repository: Path, tmp_path: Path, environment: Any, scenario: Any
) -> None:
    """The half answer that was streamed when the task was stopped is stored, under the id it was streamed with."""
    scenario({"steps": [{"text": "half an answer", **SLOWLY}]})
    with running_daemon(tmp_path, environment=environment) as daemon:
        session = await asyncio.to_thread(start_session, daemon, repository)
        async with LiveClient(daemon.url) as watcher:
            screen = Screen(watcher)
            path = f"/sessions/{session['session_id']}"
            await asyncio.to_thread(daemon.call, "POST", f"{path}/prompt", {"prompt": "one"})
            first = await screen.until("messages streaming:chunk")
            partial = await asyncio.to_thread(daemon.call, "GET", f"/messages/{first['message_id']}/partial")
            assert "half an answer".startswith(partial["text"])
            await asyncio.to_thread(daemon.call, "POST", f"{path}/stop", {})
            stored = await screen.until("messages created", message_id=first["message_id"])
            assert stored["content"][0]["text"]
            assert "half an answer".startswith(stored["content"][0]["text"])
            await screen.until("tasks patched", status="stopped")
            await screen.until("messages streaming:error", message_id=first["message_id"])


async def test_a_private_session_streams_to_nobody_else(tmp_path: Path, environment: Any, repository: Path) -> None:
    """Neither records nor chunks of a private session reach another member's screen."""
    environment["AGOR_DAEMON_REQUIRE_AUTH"] = "true"
    for email in ("owner@example.com", "member@example.com"):
        await asyncio.to_thread(make_user, environment, email)
    with running_daemon(tmp_path, environment=environment) as daemon:
        owner = await asyncio.to_thread(Client, daemon, "owner@example.com")
        member = await asyncio.to_thread(Client, daemon, "member@example.com")
        data = {"agent": "scripted", "cwd": str(repository)}
        async with (
            LiveClient(daemon.url, member.signed_in["accessToken"]) as other,
            LiveClient(daemon.url, owner.signed_in["accessToken"]) as own,
        ):
            strange, mine = Screen(other), Screen(own)
            for sharing in ("private", "everyone"):
                session = await asyncio.to_thread(owner.call, "POST", "/sessions", {**data, "sharing": sharing})
                path = f"/sessions/{session['session_id']}/prompt"
                await asyncio.to_thread(owner.call, "POST", path, {"prompt": f"a {sharing} matter"})
                await mine.until("sessions patched", session_id=session["session_id"], status="idle")
            await strange.until("sessions patched", session_id=session["session_id"], status="idle")
        assert "a private matter" in str(mine.heard)
        assert "a private matter" not in str(strange.heard)
        assert "a everyone matter" in str(strange.heard)
        assert {payload["session_id"] for _, payload in strange.heard} == {session["session_id"]}


async def test_a_helpers_tools_name_the_call_they_belong_to(
    repository: Path, tmp_path: Path, environment: Any, scenario: Any
) -> None:
    """The start and the end of a sub-agent's tool carry the tool use that called it; the main agent's carry none."""
    inner = {"prompt": "count", "steps": [{"bash": {"command": "ls"}}, {"text": "none"}]}
    scenario({"steps": [{"subagent": inner}, {"text": "done"}]})
    with running_daemon(tmp_path, environment=environment) as daemon:
        session = await asyncio.to_thread(start_session, daemon, repository)
        async with LiveClient(daemon.url) as watcher:
            screen = Screen(watcher)
            path = f"/sessions/{session['session_id']}/prompt"
            await asyncio.to_thread(daemon.call, "POST", path, {"prompt": "go"})
            await screen.until("tasks patched", status="completed")
        call, inside = screen.of("tasks tool:start")
        assert (call["name"], call["parent_tool_use_id"]) == ("Agent", None)
        assert (inside["name"], inside["parent_tool_use_id"]) == ("Bash", call["tool_use_id"])
        ends = [(end["tool_use_id"], end["parent_tool_use_id"]) for end in screen.of("tasks tool:complete")]
        assert ends == [(inside["tool_use_id"], call["tool_use_id"]), (call["tool_use_id"], None)]


async def test_an_announced_index_is_kept_whatever_comes_between(
    repository: Path, tmp_path: Path, environment: Any, scenario: Any
) -> None:
    """A child's report in the middle of an answer takes another index than the one that was announced; none is left."""
    scenario(
        {"when": "^long", "steps": [{"text": "word " * 40, **SLOWLY}]},
        {"when": "^child", "steps": [{"text": "My part is done."}]},
    )
    with running_daemon(tmp_path, environment=environment) as daemon:
        session = await asyncio.to_thread(start_session, daemon, repository)
        async with LiveClient(daemon.url) as watcher:
            screen = Screen(watcher)
            path = f"/sessions/{session['session_id']}"
            await asyncio.to_thread(daemon.call, "POST", f"{path}/prompt", {"prompt": "long"})
            start = await screen.until("messages streaming:start", session_id=session["session_id"])
            await asyncio.to_thread(daemon.call, "POST", f"{path}/spawn", {"prompt": "child"})
            report = await screen.until("messages created", session_id=session["session_id"], role="system")
            await asyncio.to_thread(daemon.call, "POST", f"{path}/stop", {})
            answer = await screen.until("messages created", message_id=start["message_id"])
        assert "My part is done." in report["content"]
        assert answer["index"] == start["message_index"] == 1
        assert report["index"] == 2
        stored = await asyncio.to_thread(daemon.call, "GET", f"/messages?session_id={session['session_id']}")
        assert [message["index"] for message in stored["data"]] == [0, 1, 2]
