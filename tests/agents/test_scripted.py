"""The scripted agent: a real agent in everything but the model."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from agor_core.agents import (
    AGENTS,
    AgentMessage,
    ForkPoint,
    PermissionAnswer,
    PermissionQuestion,
    RunRequest,
    TextDelta,
    ThinkingDelta,
    ToolFinished,
    ToolStarted,
)
from agor_core.agents.protocol import ErrorKind
from agor_core.agents.scripted.scenario import BadScenario, Scenario
from agor_core.processes import group_lives
from tests.agents.conftest import Runner, blocks, stopping

SCRIPTED = AGENTS["scripted"]


def scenario(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"pace_s": 0, "turns": [{"steps": list(steps)}], **more}


async def test_without_a_scenario_it_quotes_the_prompt_word_by_word(play: Runner, tmp_path: Path) -> None:
    """A short answer that quotes the prompt is streamed, then told whole, and no file changes."""
    run = await play(SCRIPTED, "add a README")

    assert run.finished.error is None
    assert "add a README" in run.streamed
    assert len(run.of(TextDelta)) > 5
    assert [message.content for message in run.messages] == [[{"type": "text", "text": run.streamed}]]
    assert run.finished.answer == run.streamed
    assert run.finished.usage is not None
    assert run.finished.usage.output_tokens > 0
    assert list((tmp_path / "work").iterdir()) == []


async def test_a_second_prompt_continues_the_first(play: Runner) -> None:
    """Resumed by its session id, it tells what was asked before; a new conversation does not know."""
    first = await play(SCRIPTED, "my name is Ada")
    second = await play(SCRIPTED, "who am I?", agent_session_id=first.session_id)
    stranger = await play(SCRIPTED, "who am I?")

    assert "my name is Ada" in second.streamed
    assert "my name is Ada" not in stranger.streamed


async def test_a_fork_remembers_up_to_its_point_and_no_further(play: Runner) -> None:
    """A fork at a message of the first task knows nothing of the second; a fork of all knows it."""
    first = await play(SCRIPTED, "alpha")
    second = await play(SCRIPTED, "beta", agent_session_id=first.session_id)
    early = await play(SCRIPTED, "?", fork=ForkPoint(second.session_id, first.messages[-1].original_id))
    late = await play(SCRIPTED, "?", fork=ForkPoint(second.session_id))

    assert "alpha" in early.streamed
    assert "beta" not in early.streamed
    assert "beta" in late.streamed


async def test_a_lost_conversation_is_told_and_history_can_stand_in(play: Runner) -> None:
    """A conversation it does not know is an error that says so; told our history instead, it goes on from that."""
    lost = await play(SCRIPTED, "go on", agent_session_id="never-existed")
    told = await play(SCRIPTED, "go on", history=[{"role": "user", "content": "my name is Ada"}])

    assert lost.error.history_lost
    assert "my name is Ada" in told.streamed


async def test_tools_really_work_inside_the_working_directory(play: Runner, tmp_path: Path) -> None:
    """Files are written, edited and read, a command runs; the transcript has each use and its result, in order."""
    run = await play(
        SCRIPTED,
        "work",
        scenario=scenario(
            {"thinking": "Let me see."},
            {"text": "Writing."},
            {"write": {"path": "a/notes.md", "content": "one"}},
            {"edit": {"path": "a/notes.md", "old": "one", "new": "two"}},
            {"bash": {"command": "cat a/notes.md; echo more"}},
            {"text": "Done with ${prompt}."},
        ),
    )

    assert (tmp_path / "work/a/notes.md").read_text() == "two"
    kinds = [[block["type"] for block in blocks(message)] for message in run.messages]
    assert kinds == [
        ["thinking", "text", "tool_use"],
        ["tool_result"],
        ["tool_use"],
        ["tool_result"],
        ["tool_use"],
        ["tool_result"],
        ["text"],
    ]
    assert blocks(run.messages[5])[0]["content"] == "twomore\n"
    assert run.of(ThinkingDelta)
    assert [event.name for event in run.of(ToolStarted)] == ["Write", "Edit", "Bash"]
    assert [event.is_error for event in run.of(ToolFinished)] == [False, False, False]
    assert run.finished.answer == "Done with work."


@pytest.mark.parametrize("path", ["../out.txt", "/tmp/agor-never-written", "link/out.txt"])
async def test_no_tool_reaches_outside(play: Runner, tmp_path: Path, path: str) -> None:
    """A path that leads out of the working directory, through a link too, is refused as a tool's error."""
    (tmp_path / "work").mkdir()
    (tmp_path / "work/link").symlink_to(tmp_path)
    run = await play(SCRIPTED, "out", scenario=scenario({"write": {"path": path, "content": "x"}}))

    assert "outside" in blocks(run.messages[1])[0]["content"]
    assert blocks(run.messages[1])[0]["is_error"]
    assert not (tmp_path / "out.txt").exists()
    assert not Path("/tmp/agor-never-written").exists()


async def test_people_allow_edit_and_deny(play: Runner, tmp_path: Path) -> None:
    """A yes uses the tool, a changed input counts, and a no with its reason becomes the tool's result."""
    ask_twice = scenario(
        {"write": {"path": "a.txt", "content": "theirs"}, "ask": True},
        {"write": {"path": "b.txt", "content": "x"}, "ask": True},
    )
    edited = PermissionAnswer(True, updated_input={"content": "mine"})
    run = await play(SCRIPTED, "write", edited, PermissionAnswer(False, "not there"), scenario=ask_twice)

    assert [question.tool_name for question in run.questions] == ["Write", "Write"]
    assert run.questions[0].tool_use_id == blocks(run.messages[0])[0]["id"]
    assert (tmp_path / "work/a.txt").read_text() == "mine"
    assert not (tmp_path / "work/b.txt").exists()
    assert blocks(run.messages[3])[0]["content"] == "not there"
    assert run.finished.error is None


async def test_nobody_is_asked_where_everything_is_allowed(play: Runner, tmp_path: Path) -> None:
    """Neither under bypassPermissions nor for an allowed tool is a question put; a denied tool is never used."""
    write = scenario({"write": {"path": "a.txt", "content": "x"}, "ask": True})
    for fields in ({"permission_mode": "bypassPermissions"}, {"allowed_tools": ("Write",)}):
        run = await play(SCRIPTED, "write", scenario=write, **fields)
        assert run.questions == []
        (tmp_path / "work/a.txt").unlink()
    await play(SCRIPTED, "write", scenario=write, denied_tools=("Write",))
    assert not (tmp_path / "work/a.txt").exists()


async def test_a_sub_agents_messages_name_the_call(play: Runner) -> None:
    """What a sub-agent says carries the id of the tool use that called it; its answer is that tool's result."""
    run = await play(
        SCRIPTED,
        "delegate",
        scenario=scenario({"subagent": {"prompt": "count", "steps": [{"text": "There is 1."}]}}, {"text": "One."}),
    )
    call = blocks(run.messages[0])[0]["id"]
    inner = [message for message in run.messages if message.parent_tool_use_id == call]

    assert [message.role for message in inner] == ["user", "assistant"]
    assert blocks(run.messages[-2])[0]["content"] == "There is 1."
    assert run.streamed == "One."
    assert run.finished.answer == "One."


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        ({"error": {"kind": "rate_limited", "message": "wait", "retry_in_s": 60}}, "rate_limited"),
        ({"error": {"kind": "auth", "message": "wrong key"}}, "auth"),
        ({"crash": True}, "agent_crashed"),
    ],
)
async def test_it_fails_in_every_way_it_is_told_to(play: Runner, step: dict[str, Any], kind: ErrorKind) -> None:
    """What was said before an error is kept as a message; the run ends with that error."""
    run = await play(SCRIPTED, "fail", scenario=scenario({"text": "So far."}, step))

    assert run.error.kind == kind
    assert run.messages[0].content == [{"type": "text", "text": "So far."}]
    assert (run.error.retry_at is not None) == (kind == "rate_limited")


async def test_a_working_directory_that_is_gone(play: Runner, tmp_path: Path) -> None:
    """The error names the directory."""
    run = await play(SCRIPTED, "hi", cwd=str(tmp_path / "gone"))
    assert run.error.kind == "cwd_missing"
    assert str(tmp_path / "gone") in run.error.message


async def test_cancelling_ends_a_command_and_all_it_started(tmp_path: Path) -> None:
    """A stopped run leaves no process behind, not even what its command started in the background."""
    command = f"echo $$ > {tmp_path}/pid; sleep 300 & sleep 300"
    request = RunRequest(
        "go", str(tmp_path), {"PATH": "/usr/bin:/bin"}, scenario=scenario({"bash": {"command": command}})
    )
    async with stopping(SCRIPTED.run(request, never_asked), ToolStarted):
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            await asyncio.sleep(0.01)
    assert not group_lives(int((tmp_path / "pid").read_text()))


async def test_a_hanging_run_can_be_cancelled(tmp_path: Path) -> None:
    """A run that never ends by itself ends at once when its consumer goes."""
    request = RunRequest("go", str(tmp_path), {}, scenario=scenario({"text": "Well"}, {"hang": True}))
    async with stopping(SCRIPTED.run(request, never_asked), AgentMessage):
        pass


async def never_asked(question: PermissionQuestion) -> PermissionAnswer:
    raise AssertionError(f"nobody should be asked about {question.tool_name}")


@pytest.mark.parametrize("suffix", [".yaml", ".json"])
async def test_a_scenario_may_be_a_file(play: Runner, tmp_path: Path, suffix: str) -> None:
    """YAML and JSON files hold the same as a dict; turns with `when` answer the prompts they match."""
    path = tmp_path / f"scenario{suffix}"
    path.write_text('{"pace_s": 0, "turns": [{"when": "^hi", "steps": [{"text": "Hello."}]}]}')
    run = await play(SCRIPTED, "hi there", scenario=str(path))
    assert run.streamed == "Hello."


async def test_turns_without_a_condition_are_played_in_order(play: Runner) -> None:
    """The first prompt gets the first turn, the next the second, and then the default answer."""
    turns = {"pace_s": 0, "turns": [{"steps": [{"text": "one"}]}, {"steps": [{"text": "two, after ${previous}"}]}]}
    first = await play(SCRIPTED, "a", scenario=turns)
    second = await play(SCRIPTED, "b", scenario=turns, agent_session_id=first.session_id)
    third = await play(SCRIPTED, "c", scenario=turns, agent_session_id=second.session_id)
    assert [first.streamed, second.streamed] == ["one", "two, after a"]
    assert "c" in third.streamed


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"turn": []}, "unknown key 'turn'"),
        ({"turns": [{"when": "x"}]}, "turn 1 has no list of steps"),
        ({"turns": [{"steps": [{"text": "a", "hang": True}]}]}, "step 1 of turn 1 must be exactly one of"),
        ({"turns": [{"steps": [{"sing": "a"}]}]}, "step 1 of turn 1 must be exactly one of"),
    ],
)
async def test_a_bad_scenario_is_refused_with_the_place(play: Runner, spec: dict[str, Any], said: str) -> None:
    """A mistake in a scenario is told with its place, and ends a run before it began."""
    with pytest.raises(BadScenario, match=said):
        Scenario(spec)
    run = await play(SCRIPTED, "x", scenario=spec)
    assert run.error.kind == "refused"
    assert said in run.error.message
