"""A conversation of several prompts, each in a process of its own: every message is in the session once, in order."""

from __future__ import annotations

import asyncio
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
    told = [
        (message["role"], content if isinstance(content, str) else content.get("text", content["type"]))
        for message in messages
        for content in ([message["content"]] if isinstance(message["content"], str) else message["content"])
    ]
    return told, counts


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
