"""Answers that stand, with the agents that npm gives: each words the same question anew every time."""

from __future__ import annotations

import asyncio
import shlex
from pathlib import Path

import pytest

from tests.agents.test_other_agents import WRITES, Lab, programs
from tests.daemon.conftest import pending, wait_for_task
from tests.fake_models import Asked, Call, FakeModels
from tests.support.daemon import clean_environment, running_daemon

__all__ = ["programs"]
pytestmark = pytest.mark.node


@pytest.mark.parametrize("name", ["codex", "gemini", "opencode"])
async def test_an_answer_that_stands_spares_the_next_question(name: str, programs: Path, tmp_path: Path) -> None:
    """The same deed a second time is done without asking, in a row that names the rule; another is asked about. What
    Codex wants to do outside its sandbox is asked about each time: that is more than the command."""
    work = tmp_path / "work"
    wanted = [str(work / "made.txt")]

    def answer(asked: Asked) -> str | Call:
        return "Done." if asked.result is not None else WRITES[name](wanted[-1])

    async with FakeModels(answer) as fake:
        lab = Lab(name, fake, programs, tmp_path, None)
        environment = {
            **clean_environment(tmp_path / "agor", **lab.environment),
            f"AGOR_AGENTS_{name.upper()}_COMMAND": shlex.join(lab.command),
        }
        await asyncio.to_thread(_talk, lab, environment, work, wanted)


def _talk(lab: Lab, environment: dict[str, str], work: Path, wanted: list[str]) -> None:
    with running_daemon(work.parent, environment=environment) as daemon:

        def prompt(text: str) -> str:
            data = {"agent": lab.agent.name, "cwd": str(work), "permission_config": {"mode": "default"}}
            session = daemon.call("POST", "/sessions", data)
            task = daemon.call("POST", f"/sessions/{session['session_id']}/prompt", {"prompt": text})
            return str(task["task_id"])

        first = prompt("make a file")
        question = pending(daemon)
        scope = "once" if lab.agent.name == "codex" else "user"
        daemon.call("POST", f"/permissions/{question['request_id']}/decide", {"allow": True, "scope": scope})
        assert wait_for_task(daemon, first)["status"] == "completed"
        assert Path(wanted[-1]).read_text() == "hi"

        Path(wanted[-1]).unlink()
        second = prompt("make it again")
        if lab.agent.name == "codex":
            again = pending(daemon)
            assert again["task_id"] == second
            answer = {"allow": True, "scope": "user"}
            assert daemon.request("POST", f"/permissions/{again['request_id']}/decide", answer)[0] in (400, 409)
            return
        assert wait_for_task(daemon, second)["status"] == "completed"
        assert Path(wanted[-1]).read_text() == "hi"
        (spared,) = daemon.call("GET", f"/permissions?task_id={second}")["data"]
        assert (spared["status"], spared["rule_request_id"]) == ("approved", question["request_id"])

        wanted.append(str(work / ".hidden.txt"))
        third = prompt("make another")
        assert pending(daemon)["task_id"] == third
        assert not Path(wanted[-1]).exists()
