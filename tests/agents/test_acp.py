"""The ACP adapter, against a small agent that does what its prompt says."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any, Protocol

import acp
import pytest

from agor_core.agents import (
    AGENTS,
    Agent,
    AgentProcess,
    AgentSession,
    ContextUsed,
    ForkPoint,
    PermissionAnswer,
    PermissionQuestion,
    RunRequest,
    TextDelta,
    ThinkingDelta,
    ToolFinished,
    ToolStarted,
    Usage,
    registered,
)
from agor_core.agents.acp.replay import Replay
from agor_core.agents.acp.transport import MOST_UNREAD, ProcessTransport
from agor_core.agents.process import ChildProcess
from agor_core.agents.protocol import ErrorKind
from agor_core.processes import group_lives
from tests.agents.conftest import PATH, PATIENCE_S, Run, Runner, blocks, stopping

ROOT = Path(__file__).parents[2]


def fake(*abilities: str) -> Agent:
    """The fake agent, as a user would configure it."""
    return registered({"fake": [sys.executable, "-W", "ignore", "-m", "tests.fake_acp.agent", *abilities]})["fake"]


class Prompt(Protocol):
    """What `prompt` gives."""

    async def __call__(
        self, *lines: str, agent: Agent | None = None, answers: tuple[PermissionAnswer, ...] = (), **fields: Any
    ) -> Run: ...


@pytest.fixture
def prompt(play: Runner, tmp_path: Path) -> Prompt:
    """Runs lines of commands; afterwards no process of the agent is left."""

    async def run(
        *lines: str, agent: Agent | None = None, answers: tuple[PermissionAnswer, ...] = (), **fields: Any
    ) -> Run:
        fields.setdefault("environment", environment(tmp_path))
        done = await play(agent or fake(), "\n".join(lines), *answers, **fields)
        (process,) = done.of(AgentProcess)
        assert not group_lives(process.pid)
        return done

    return run


def environment(tmp_path: Path) -> dict[str, str]:
    return {"PATH": PATH, "HOME": str(tmp_path), "PYTHONPATH": str(ROOT), "FAKE_API_KEY": "a-secret-value"}


async def test_text_and_thinking_stream_and_are_told_whole(prompt: Prompt) -> None:
    """Chunks come one by one, the message follows; the agent's session, version, usage and cost are told."""
    run = await prompt("think Let me see.", "say Hello there", "usage")

    assert run.finished.error is None
    assert [delta.text for delta in run.of(TextDelta)] == ["Hello ", "there "]
    assert [delta.text for delta in run.of(ThinkingDelta)] == ["Let me see."]
    (message,) = run.messages
    assert message.content == [
        {"type": "thinking", "thinking": "Let me see."},
        {"type": "text", "text": "Hello there "},
    ]
    assert run.finished.answer == "Hello there "
    assert run.of(AgentSession) == [AgentSession("fake-1", "9.9", None)]
    assert run.finished.usage == Usage(10, 5, 2)
    assert (run.finished.cost_usd, run.finished.total_cost_usd) == (0.25, 0.25)
    assert run.of(ContextUsed) == [ContextUsed(15, 1000)]


async def test_tools_are_told_in_order(prompt: Prompt, tmp_path: Path) -> None:
    """Each use stands before its result, text between them is a message of its own; a failed tool says so."""
    run = await prompt("say Writing.", "write a.txt hello", "say Running.", "run make", "say Done.")

    assert (tmp_path / "work/a.txt").read_text() == "hello"
    kinds = [[block["type"] for block in blocks(message)] for message in run.messages]
    assert kinds == [["text", "tool_use"], ["tool_result"], ["text", "tool_use"], ["tool_result"], ["text"]]
    use = blocks(run.messages[0])[1]
    assert use["name"] == "Edit"
    assert use["input"] == {"title": "Write a.txt", "path": "a.txt", "content": "hello"}
    assert blocks(run.messages[1])[0]["tool_use_id"] == use["id"]
    assert [event.name for event in run.of(ToolStarted)] == ["Edit", "Bash"]
    assert [event.is_error for event in run.of(ToolFinished)] == [False, True]
    assert blocks(run.messages[3])[0]["content"] == '{"code": 1}'


async def test_a_tool_without_an_end_gets_one(prompt: Prompt) -> None:
    """At the end of the turn every tool use has a result, so that the transcript can be read."""
    run = await prompt("leave", "say Bye")
    assert blocks(run.messages[-1])[0]["is_error"]
    assert run.finished.answer == "Bye "


@pytest.mark.parametrize(
    ("answer", "chosen"),
    [
        (PermissionAnswer(True), "once"),
        (PermissionAnswer(False, "no"), "no"),
        (PermissionAnswer(True, suggestions=({"option_id": "ever"},)), "ever"),
        (PermissionAnswer(True, updated_input={"content": "other"}), "no"),
    ],
)
async def test_a_person_answers(prompt: Prompt, tmp_path: Path, answer: PermissionAnswer, chosen: str) -> None:
    """Yes once, no, and yes for good reach the agent as that; what a person changed cannot be told, so it is a no."""
    run = await prompt("write a.txt hello", permission_mode="default", answers=(answer,))

    (question,) = run.questions
    assert (question.tool_name, question.title) == ("Edit", "Write a.txt")
    assert question.tool_input["content"] == "hello"
    assert question.tool_use_id == blocks(run.messages[0])[0]["id"]
    assert [suggestion["option_id"] for suggestion in question.suggestions] == ["ever"]
    assert blocks(run.messages[1])[0]["content"] == f"chosen: {chosen}"
    assert (tmp_path / "work/a.txt").exists() == (chosen in ("once", "ever"))


@pytest.mark.parametrize(
    ("fields", "chosen"),
    [
        ({"permission_mode": "acceptEdits"}, "once"),
        ({"permission_mode": "bypassPermissions"}, "once"),
        ({"permission_mode": "default", "allowed_tools": ("Edit",)}, "once"),
        ({"permission_mode": "bypassPermissions", "denied_tools": ("Edit",)}, "no"),
        ({"permission_mode": "plan"}, "no"),
    ],
)
async def test_modes_and_rules_answer_without_a_person(prompt: Prompt, fields: dict[str, Any], chosen: str) -> None:
    """Nobody is asked what the session's settings decide."""
    run = await prompt("write a.txt hello", **fields)
    assert run.questions == []
    assert blocks(run.messages[1])[0]["content"] == f"chosen: {chosen}"


@pytest.mark.parametrize("abilities", [(), ("late",)])
async def test_a_conversation_is_taken_up(prompt: Prompt, abilities: tuple[str, ...]) -> None:
    """Resumed, the agent remembers; what it repeats of the past, before it answers or after, is not told again."""
    agent = fake(*abilities)
    said = ["say one", "length " + "x" * 300_000, "think Hm.\nsay an old answer"]
    first = await prompt(said[0], agent=agent)
    second = await prompt(said[1], agent=agent, agent_session_id=first.session_id)
    third = await prompt(said[2], agent=agent, agent_session_id=first.session_id)
    fourth = await prompt("remember", agent=agent, agent_session_id=first.session_id)

    assert fourth.session_id == third.session_id == second.session_id == first.session_id
    assert fourth.finished.answer == " | ".join(said)
    told = [[[block.get("text") for block in blocks(message)] for message in run.messages] for run in (second, third)]
    assert told == [[["300000"]], [[None, "an old answer "]]]
    assert third.streamed == "an old answer "
    assert [(len(run.messages), run.of(ToolStarted)) for run in (second, third, fourth)] == [(1, [])] * 3


@pytest.mark.parametrize("abilities", [("fork",), ("fork", "late")])
async def test_a_fork_where_the_agent_can(prompt: Prompt, abilities: tuple[str, ...]) -> None:
    """A fork is a session of its own that knows the past, and does not tell it again."""
    first = await prompt("say one")
    fork = await prompt("remember", agent=fake(*abilities), fork=ForkPoint(first.session_id))
    assert fork.session_id != first.session_id
    assert fork.finished.answer == fork.streamed == "say one"
    assert len(fork.messages) == 1


async def test_an_agent_that_answers_only_what_it_knows_is_not_waited_for_long() -> None:
    """It is given up once it tells nothing any more; what it still told of the past counts as such until then."""
    replay, asked = Replay(unanswered_s=0.05), []

    class Deaf:
        """The connection to an agent that tells two entries, and answers nothing."""

        async def ext_method(self, method: str, params: dict[str, Any]) -> None:
            asked.append(method)
            if len(asked) < 3:
                replay.take(acp.update_agent_message_text("an old answer"))
            await asyncio.Event().wait()

    await replay.end(Deaf())
    assert len(asked) == 3


@pytest.mark.parametrize(
    ("abilities", "fields"),
    [
        ((), {"agent_session_id": "fake-77"}),
        (("no-load",), {"agent_session_id": "fake-1"}),
    ],
)
async def test_what_cannot_be_taken_up_is_told(
    prompt: Prompt, abilities: tuple[str, ...], fields: dict[str, Any]
) -> None:
    """Never an empty conversation in silence: the error says that our history can stand in, and it can."""
    await prompt("say one")
    run = await prompt("say two", agent=fake(*abilities), **fields)
    assert run.error.history_lost
    assert run.streamed == ""

    told = await prompt("say two", history=[{"role": "user", "content": "my name is Ada"}])
    assert told.finished.error is None


@pytest.mark.parametrize(
    ("stored", "note"),
    [([{"role": "assistant", "content": "I am Ada"}], "it was told what is stored here"), (None, "it begins anew")],
)
async def test_an_agent_that_loses_conversations_by_itself_is_told_them(
    prompt: Prompt, stored: list[dict[str, Any]] | None, note: str, tmp_path: Path
) -> None:
    """It begins a new one, with our instructions, what is stored, and a cost of its own; a note says so."""
    gemini = registered({"gemini": [sys.executable, "-W", "ignore", "-m", "tests.fake_acp.agent"]})["gemini"]

    async def recall() -> list[dict[str, Any]] | None:
        return stored

    fields: dict[str, Any] = {
        "agent_session_id": "fake-77",
        "recall": recall,
        "cost_so_far": 7.0,
        "system_append": "You are in 4711.",
    }
    run = await prompt("say two", "usage", agent=gemini, **fields)

    assert run.finished.error is None
    assert (run.finished.cost_usd, run.finished.total_cost_usd) == (0.25, 0.25)
    assert run.of(AgentSession) == [AgentSession("fake-1", "9.9", None)]
    first, answer = run.messages
    assert (first.role, first.is_meta) == ("system", True)
    assert note in first.content
    assert answer.content == [{"type": "text", "text": "two "}]
    (said,) = json.loads((tmp_path / "conversations.json").read_text())["fake-1"]
    assert "4711" in said
    assert ("I am Ada" in said) == (stored is not None)


@pytest.mark.parametrize(
    ("abilities", "point"), [((), ForkPoint("fake-1")), (("fork",), ForkPoint("fake-1", "message"))]
)
async def test_a_fork_that_the_agent_cannot_make_is_told_its_past(
    prompt: Prompt, abilities: tuple[str, ...], point: ForkPoint, tmp_path: Path
) -> None:
    """A new conversation, with what is stored up to the fork point and a cost of its own; a note says so."""
    await prompt("say one")

    async def recall() -> list[dict[str, Any]]:
        return [{"role": "assistant", "content": "I am Ada"}]

    fields: dict[str, Any] = {"fork": point, "recall": recall, "cost_so_far": 7.0}
    run = await prompt("say two", "usage", agent=fake(*abilities), **fields)

    assert run.finished.error is None
    assert (run.finished.cost_usd, run.finished.total_cost_usd) == (0.25, 0.25)
    note, answer = run.messages
    assert (note.role, note.content) == (
        "system",
        "Fake cannot fork its conversation here; it was told what is stored here.",
    )
    assert answer.content == [{"type": "text", "text": "two "}]
    kept = json.loads((tmp_path / "conversations.json").read_text())
    assert kept["fake-1"] == ["say one"]
    (said,) = kept[run.session_id]
    assert "I am Ada" in said
    assert "say one" not in said


async def test_other_agents_are_told_nothing_by_themselves(prompt: Prompt) -> None:
    """Where a lost conversation is no habit, a person decides; what is stored is not even read."""
    read = []

    async def recall() -> None:
        read.append(True)

    run = await prompt("say two", agent_session_id="fake-77", recall=recall)
    assert run.error.history_lost
    assert read == []


async def test_history_and_instructions_go_with_the_first_prompt(prompt: Prompt, tmp_path: Path) -> None:
    """ACP has no system prompt: what we add, and what the agent forgot, stand before the prompt."""
    await prompt("say one", system_append="You are in session 4711.", history=[{"role": "user", "content": "I am Ada"}])
    (said,) = json.loads((tmp_path / "conversations.json").read_text())["fake-1"]
    assert said.index("4711") < said.index("I am Ada") < said.index("say one")


async def test_a_model_is_chosen_where_the_agent_lets_us(prompt: Prompt) -> None:
    """A model it has is set; one it lacks is an error that names those it has; without a choice, a note."""
    chosen = await prompt("remember", agent=fake("models"), model="large")
    wrong = await prompt("remember", agent=fake("models"), model="huge")
    without = await prompt("say hi", model="large")

    assert chosen.finished.answer == "model large"
    assert chosen.of(AgentSession)[0].model == chosen.messages[0].model == "large"
    assert without.of(AgentSession)[0].model is None
    assert wrong.error.kind == "bad_model"
    assert "small, large" in wrong.error.message
    assert without.messages[0].role == "system"
    assert "large" in without.messages[0].content


@pytest.mark.parametrize(
    ("mode", "told"),
    [("plan", "mode https://example.com/modes#plan"), ("acceptEdits", "mode auto-edit"), ("default", "")],
)
async def test_an_agent_is_told_the_mode_by_its_own_name(prompt: Prompt, mode: str, told: str) -> None:
    """Where the agent has a mode that means ours, it is set; where it has none, it stays in its own."""
    run = await prompt("remember", agent=fake("modes"), permission_mode=mode)
    assert (run.finished.answer or "") == told


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("fail -32603 429 Too many requests", "rate_limited"),
        ("fail -32000 expired", "auth"),
        ("fail -32603 model not found", "bad_model"),
        ("fail -32603 something odd", "unknown"),
        ("stop refusal", "refused"),
        ("stop max_tokens", "unknown"),
    ],
)
async def test_failures_have_a_kind(prompt: Prompt, line: str, kind: ErrorKind) -> None:
    """What the agent answers becomes an error of the right kind; what was said before stays."""
    run = await prompt("say So far.", line)
    assert run.error.kind == kind
    assert run.finished.answer == "So far. "


async def test_an_agent_that_is_not_signed_in(prompt: Prompt) -> None:
    """The error says how to sign in."""
    run = await prompt("say hi", agent=fake("auth"))
    assert run.error.kind == "no_key"
    assert "Sign in with a browser" in run.error.message


async def test_an_agent_that_dies(prompt: Prompt) -> None:
    """Exit code and last words are told, the secrets in them are not; what was said stays."""
    run = await prompt("say So far.", "die")
    assert run.error.kind == "agent_crashed"
    assert "exit code 3" in run.error.message
    assert "I am dying of <FAKE_API_KEY>" in run.error.message
    assert run.finished.answer == "So far. "


@pytest.mark.parametrize("line", ["flood", "noise"])
async def test_an_agent_that_floods_is_ended(prompt: Prompt, line: str) -> None:
    """A message, or noise, without end is cut off, and says so; our memory does not fill."""
    async with asyncio.timeout(PATIENCE_S):
        run = await prompt(line)
    assert run.error.kind == "agent_crashed"
    assert "MB" in run.error.message


async def test_a_slow_reader_holds_the_agent_back() -> None:
    """While enough waits to be used, nothing more is read: the rest waits in the pipe, and so in the agent."""
    child = await ChildProcess.start(["yes", "{}"], cwd="/", environment={"PATH": PATH})
    inbox: asyncio.Queue[Any] = asyncio.Queue()
    transport = ProcessTransport(child, inbox)
    for _ in range(MOST_UNREAD):
        inbox.put_nowait(await transport.receive())
    reading = asyncio.create_task(transport.receive())
    assert not (await asyncio.wait([reading], timeout=0.1))[0]
    inbox.get_nowait()
    transport.taken()
    assert await reading == {}
    await child.close(grace_s=0.05)


async def test_a_prompt_of_five_megabytes_arrives(prompt: Prompt) -> None:
    """Nothing of it is lost on the way."""
    run = await prompt("length " + "x" * 5_000_000)
    assert run.finished.answer == "5000000"


@pytest.mark.parametrize("abilities", [(), ("mute",)])
async def test_stopping_an_agent_that_never_ends(abilities: tuple[str, ...], tmp_path: Path) -> None:
    """Whether it hangs in its turn or before its first word, it is ended; a turn is cancelled first."""
    request = RunRequest("say on\nhang", str(tmp_path), environment(tmp_path))
    async with stopping(fake(*abilities).run(request, never), AgentProcess if abilities else TextDelta) as run:
        pass
    assert not group_lives(run.of(AgentProcess)[0].pid)
    assert (tmp_path / "cancelled").exists() == (not abilities)


async def never(question: PermissionQuestion) -> PermissionAnswer:
    raise AssertionError(f"nobody should be asked about {question.tool_name}")


async def test_programs_that_are_not_there(play: Runner, tmp_path: Path) -> None:
    """Each agent says that it is not installed and how to get it, before and at a run; a lost directory is told too."""
    for name in ("codex", "gemini", "opencode", "cursor"):
        nowhere = {"PATH": str(tmp_path), "HOME": str(tmp_path)}
        found = await AGENTS[name].availability(nowhere)
        assert not found.installed
        assert name in (found.problem or "")
        assert found.how_to
        run = await play(AGENTS[name], "hi", environment=nowhere)
        assert run.error.kind == "no_cli"
        assert found.how_to in run.error.message
    gone = await play(fake(), "hi", cwd=str(tmp_path / "gone"))
    assert gone.error.kind == "cwd_missing"


async def test_an_installed_program_tells_version_and_sign_in(tmp_path: Path) -> None:
    """The version is that of its npm package; a key or a file of credentials shows that it is signed in."""
    package = tmp_path / "lib/node_modules/gemini"
    (package / "dist").mkdir(parents=True)
    (package / "package.json").write_text('{"version": "0.61.0"}')
    program = package / "dist/gemini.js"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    (tmp_path / "bin").mkdir()
    os.symlink(program, tmp_path / "bin/gemini")
    environment = {"PATH": str(tmp_path / "bin"), "HOME": str(tmp_path)}

    found = await AGENTS["gemini"].availability(environment)
    assert (found.installed, found.version, found.signed_in, found.problem) == (True, "0.61.0", None, None)
    assert (await AGENTS["gemini"].availability({**environment, "GEMINI_API_KEY": "k"})).signed_in
