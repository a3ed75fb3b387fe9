"""A conversation of several prompts, each in a process of its own: every message is in the session once, in order."""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.agents.test_other_agents import Lab, programs
from tests.daemon.conftest import wait_for_task
from tests.fake_models import FakeModels
from tests.support.daemon import clean_environment, running_daemon

__all__ = ["programs"]

LOST = "Gemini no longer had this conversation; it was told what is stored here."

Told = list[tuple[str, Any]]


def talk(
    work: Path, environment: dict[str, str], agent: str, prompts: list[str], between: Callable[[], None]
) -> tuple[Told, list[int]]:
    """(role and text, or else type, of each block of the session; how many messages each task has)."""
    work.mkdir(exist_ok=True)
    with running_daemon(work.parent, environment=environment) as daemon:
        # In the mode that is theirs already agents are not told one, and have that much less time for their past.
        data = {"agent": agent, "cwd": str(work), "permission_config": {"mode": "default"}}
        session = daemon.call("POST", "/sessions", data)
        counts = []
        for prompt in prompts:
            task = daemon.call("POST", f"/sessions/{session['session_id']}/prompt", {"prompt": prompt})
            ended = wait_for_task(daemon, task["task_id"])
            assert ended["status"] == "completed", ended["error"]
            of_task = daemon.call("GET", f"/messages?task_id={task['task_id']}&$limit=100")
            counts.append(of_task["total"])
            between()
        query = f"/messages?session_id={session['session_id']}&$sort[index]=1&$limit=100"
        messages = daemon.call("GET", query)["data"]
    return told_in(messages), counts


def told_in(messages: list[dict[str, Any]]) -> Told:
    """(role and text, or else type) of each block."""
    return [
        (message["role"], content if isinstance(content, str) else content.get("text", content["type"]))
        for message in messages
        for content in ([message["content"]] if isinstance(message["content"], str) else message["content"])
    ]


@pytest.mark.parametrize("abilities", ["", " late"])
def test_a_past_that_is_told_again_is_not_stored_again(abilities: str, tmp_path: Path) -> None:
    """Whether an agent tells it before it answers that the conversation is there, or after."""
    command = f"{sys.executable} -W ignore -m tests.fake_acp.agent{abilities}"
    environment = clean_environment(
        tmp_path / "agor",
        HOME=str(tmp_path),
        PYTHONPATH=str(Path(__file__).parents[2]),
        AGOR_AGENTS_OTHER_COMMAND=command,
    )
    prompts = ["say one", "say two", "say an old answer"]
    told, counts = talk(tmp_path / "work", environment, "other", prompts, lambda: None)
    answers = [("assistant", text) for text in ("one ", "two ", "an old answer ")]
    asked = [("user", prompt) for prompt in prompts]
    assert told == [each for pair in zip(asked, answers, strict=True) for each in pair]
    assert counts == [2, 2, 2]


@pytest.mark.node
async def test_gemini_tells_its_past_after_it_has_answered(programs: Path, tmp_path: Path) -> None:
    """Nothing of it comes into the session a second time."""
    async with FakeModels(lambda asked: f"Answer {len(fake.asked)}.") as fake:
        lab = Lab("gemini", fake, programs, tmp_path, None)
        environment = {
            **clean_environment(tmp_path / "agor", **lab.environment),
            "AGOR_AGENTS_GEMINI_COMMAND": shlex.join(lab.command),
        }
        prompts = ["make it", "and now?", "and then?"]
        told, counts = await asyncio.to_thread(
            talk, tmp_path / "work", environment, "gemini", prompts, lab.let_a_minute_pass
        )
    assert told == [
        ("user", "make it"),
        ("assistant", "Answer 1."),
        ("user", "and now?"),
        ("assistant", "Answer 2."),
        ("user", "and then?"),
        ("assistant", "Answer 3."),
    ]
    assert counts == [2, 2, 2]


def test_a_conversation_that_an_agent_lost_is_told_to_it(tmp_path: Path) -> None:
    """By itself for one that is known to lose them: a note says so, and what follows continues the new conversation."""
    home = tmp_path / "home"
    home.mkdir()
    environment = clean_environment(
        tmp_path / "agor",
        HOME=str(home),
        PYTHONPATH=str(Path(__file__).parents[2]),
        AGOR_AGENTS_GEMINI_COMMAND=f"{sys.executable} -W ignore -m tests.fake_acp.agent",
    )
    store = home / "conversations.json"
    kept: list[dict[str, list[str]]] = []

    def between() -> None:
        kept.append(json.loads(store.read_text()))
        if len(kept) == 1:
            # As if it had begun another since, and deleted this one.
            store.write_text(json.dumps({"fake-other": []}))

    told, counts = talk(tmp_path / "work", environment, "gemini", ["say one", "say two", "say three"], between)
    assert told == [
        ("user", "say one"),
        ("assistant", "one "),
        ("user", "say two"),
        ("system", LOST),
        ("assistant", "two "),
        ("user", "say three"),
        ("assistant", "three "),
    ]
    assert counts == [2, 3, 2]
    again, after = kept[-1]["fake-2"]
    assert again.endswith("<conversation-so-far>\nuser: say one\n\nassistant: one \n</conversation-so-far>\n\nsay two")
    assert after == "say three"


@pytest.mark.parametrize("is_at_the_end", [True, False])
def test_a_fork_that_an_agent_cannot_make_knows_its_past(tmp_path: Path, is_at_the_end: bool) -> None:
    """It is told what was said up to the fork point and no further, with a note; the next prompt only continues it."""
    environment = clean_environment(
        tmp_path / "agor",
        HOME=str(tmp_path),
        PYTHONPATH=str(Path(__file__).parents[2]),
        AGOR_AGENTS_OTHER_COMMAND=f"{sys.executable} -W ignore -m tests.fake_acp.agent",
    )
    with running_daemon(tmp_path, environment=environment) as daemon:
        session = daemon.call("POST", "/sessions", {"agent": "other", "cwd": str(tmp_path)})
        tasks = []
        for prompt in ("say one", "say two"):
            tasks.append(daemon.call("POST", f"/sessions/{session['session_id']}/prompt", {"prompt": prompt}))
            wait_for_task(daemon, tasks[-1]["task_id"])
        point = tasks[-1 if is_at_the_end else 0]["task_id"]
        fork = daemon.call("POST", f"/sessions/{session['session_id']}/fork", {"task_id": point})
        for prompt in ("say three", "say four"):
            task = daemon.call("POST", f"/sessions/{fork['session_id']}/prompt", {"prompt": prompt})
            ended = wait_for_task(daemon, task["task_id"])
            assert ended["status"] == "completed", ended["error"]
        own = daemon.call("GET", f"/messages?session_id={fork['session_id']}&$sort[index]=1")["data"]
        messages_of_parent = daemon.call("GET", f"/messages?session_id={session['session_id']}")["total"]

    assert told_in(own) == [
        ("user", "say three"),
        ("system", "Other cannot fork its conversation here; it was told what is stored here."),
        ("assistant", "three "),
        ("user", "say four"),
        ("assistant", "four "),
    ]
    assert messages_of_parent == 4
    (opening, after) = json.loads((tmp_path / "conversations.json").read_text())["fake-2"]
    past = ["user: say one", "assistant: one ", "user: say two", "assistant: two "][: 4 if is_at_the_end else 2]
    assert opening.endswith("<conversation-so-far>\n" + "\n\n".join(past) + "\n</conversation-so-far>\n\nsay three")
    assert after == "say four"


@pytest.mark.node
@pytest.mark.parametrize("does_a_minute_pass", [True, False])
async def test_gemini_goes_on_as_it_is_set_up_by_itself(
    programs: Path, tmp_path: Path, does_a_minute_pass: bool
) -> None:
    """It deletes conversations that were taken up, and overwrites those of its last minute: its model is told all that
    was said nevertheless, and the session says where it happened."""
    async with FakeModels(lambda asked: f"Answer {len(fake.asked)}.") as fake:
        lab = Lab("gemini", fake, programs, tmp_path, None)
        lab.write_gemini_settings({})
        environment = {
            **clean_environment(tmp_path / "agor", **lab.environment),
            "AGOR_AGENTS_GEMINI_COMMAND": shlex.join(lab.command),
        }
        prompts = ["make it", "and now?", "and then?", "and at last?"]
        between = lab.let_a_minute_pass if does_a_minute_pass else lambda: None
        told, _ = await asyncio.to_thread(talk, tmp_path / "work", environment, "gemini", prompts, between)

    said = [(("user", prompt), ("assistant", f"Answer {number}.")) for number, prompt in enumerate(prompts, 1)]
    assert [each for each in told if each[0] != "system"] == [each for pair in said for each in pair]
    assert ("system", LOST) in told
    if does_a_minute_pass:
        assert [number for number, each in enumerate(told) if each == ("system", LOST)] == [5]
    for number, asked in enumerate(fake.asked):
        assert all(text in asked.whole for pair in said[:number] for _, text in pair)
    assert len(fake.asked) == len(prompts)
