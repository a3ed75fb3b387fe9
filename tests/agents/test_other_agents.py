"""Codex, Gemini and OpenCode as npm gives them, through the ACP adapter, against their APIs on this machine."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from agor_core.agents import AGENTS, AgentProcess, PermissionAnswer, TextDelta, registered
from agor_core.processes import group_lives
from tests.agents.conftest import Run, Runner, blocks
from tests.fake_models import Asked, Call, FakeModels
from tests.support.node import find_node, install_packages, node_environment

pytestmark = pytest.mark.node

PACKAGES = Path(__file__).parent / "npm"


@pytest.fixture(scope="module")
def programs() -> Path:
    """The folder of node_modules with all three."""
    folder, reason = find_node()
    if folder is None:
        pytest.skip(reason)
    return install_packages(PACKAGES)


class Lab:
    """An agent set up to talk to the fake model, with a home and a working directory of its own."""

    def __init__(self, name: str, fake: FakeModels, programs: Path, tmp_path: Path, play: Runner | None) -> None:
        self.fake, self._play = fake, play
        self.work = tmp_path / "work"
        self.work.mkdir()
        self.home = tmp_path / "home"
        command = {
            "codex": [str(programs / ".bin/codex-acp")],
            "gemini": [str(programs / ".bin/gemini"), "--acp"],
            # The package for this platform alone: the one for all brings fifteen, and a script that chooses.
            "opencode": [str(programs / "opencode-linux-x64/bin/opencode"), "acp"],
        }[name]
        if not Path(command[0]).exists():
            pytest.skip(f"there is no {name} for this platform")
        self.command = command
        self.agent = registered({name: command})[name]
        # What they may want of the world beyond their model goes nowhere.
        nowhere = {"HTTPS_PROXY": fake.url, "NO_PROXY": "127.0.0.1"}
        environment = {**node_environment({"PATH": "/usr/bin:/bin"}), **nowhere, "HOME": str(self.home)}
        self.environment = {**environment, **getattr(self, f"_{name}")()}

    async def prompt(self, prompt: str, *answers: PermissionAnswer, **fields: Any) -> Run:
        assert self._play is not None
        run = await self._play(self.agent, prompt, *answers, environment=self.environment, **fields)
        assert not group_lives(run.of(AgentProcess)[0].pid)
        return run

    def let_a_minute_pass(self) -> None:
        """Move what was said into the past: Gemini names a conversation's file by the minute in which it began, and
        overwrites it if it is taken up within that minute. What it then begins beside it is no loss."""
        for path in (self.home / ".gemini/tmp").glob("*/chats/session-*"):
            past = path.with_name(re.sub(r"T\d\d-\d\d", "T01-01", path.name))
            if not past.exists():
                path.rename(past)

    def write_gemini_settings(self, general: dict[str, Any]) -> None:
        """What a test wants of its settings, beside those that keep it on this machine."""
        settings = {
            "security": {"auth": {"selectedType": "gemini-api-key"}},
            "privacy": {"usageStatisticsEnabled": False},
            "telemetry": {"enabled": False},
            "general": {"disableAutoUpdate": True, **general},
        }
        self._write(".gemini/settings.json", json.dumps(settings))

    def _codex(self) -> dict[str, str]:
        provider = {"name": "fake", "base_url": f"{self.fake.url}/v1", "wire_api": "responses", "env_key": "FAKE_KEY"}
        lines = [f"{key} = {json.dumps(value)}" for key, value in provider.items()]
        self._write(".codex/config.toml", "\n".join(['model_provider = "fake"', "[model_providers.fake]", *lines]))
        return {"FAKE_KEY": "sk-of-a-test"}

    def _gemini(self) -> dict[str, str]:
        # It begins an empty file beside a conversation that is taken up; at its next start its clearing up takes that
        # for broken, and deletes all files of the conversation.
        self.write_gemini_settings({"sessionRetention": {"enabled": False}})
        # Without trust in the folder its tools are refused.
        trust = {"GEMINI_CLI_TRUST_WORKSPACE": "true"}
        return {"GEMINI_API_KEY": "key-of-a-test", "GOOGLE_GEMINI_BASE_URL": self.fake.url, **trust}

    def _opencode(self) -> dict[str, str]:
        provider = {
            "npm": "@ai-sdk/openai-compatible",
            "options": {"baseURL": f"{self.fake.url}/v1", "apiKey": "key-of-a-test"},
            "models": {"small": {"name": "small"}},
        }
        settings = {"model": "fake/small", "small_model": "fake/small", "provider": {"fake": provider}}
        self._write(".config/opencode/opencode.json", json.dumps({**settings, "permission": {"edit": "ask"}}))
        return {"OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_MODELS_FETCH": "1"}

    def _write(self, path: str, text: str) -> None:
        whole = self.home / path
        whole.parent.mkdir(parents=True, exist_ok=True)
        whole.write_text(text)


WRITES = {
    "codex": lambda path: Call(
        "exec_command",
        {"cmd": f"printf hi > {path}", "sandbox_permissions": "require_escalated", "justification": "to try it"},
    ),
    "gemini": lambda path: Call("write_file", {"file_path": path, "content": "hi"}),
    "opencode": lambda path: Call("write", {"filePath": path, "content": "hi"}),
}
"""How each agent's model would write a file."""


@pytest.mark.parametrize("name", ["codex", "gemini", "opencode"])
async def test_a_prompt_with_a_tool(name: str, programs: Path, play: Runner, tmp_path: Path) -> None:
    """The model's tool is asked about, runs after a yes, and is told with its result; then the answer streams."""
    path = str(tmp_path / "work/made.txt")

    def answer(asked: Asked) -> str | Call:
        return "All done now." if asked.result is not None else WRITES[name](path)

    async with FakeModels(answer) as fake:
        lab = Lab(name, fake, programs, tmp_path, play)
        run = await lab.prompt("make a file", PermissionAnswer(True), permission_mode="default")

        assert run.finished.error is None
        assert len(run.questions) == 1
        assert (lab.work / "made.txt").read_text() == "hi"
        kinds = [block["type"] for message in run.messages if message.role != "system" for block in blocks(message)]
        assert kinds.index("tool_use") < kinds.index("tool_result") < len(kinds) - 1
        assert run.answer.endswith("All done now.")
        assert len(run.of(TextDelta)) >= 1
        assert "make a file" in fake.asked[0].whole


@pytest.mark.parametrize("name", ["codex", "gemini", "opencode"])
async def test_more_prompts_continue(name: str, programs: Path, play: Runner, tmp_path: Path) -> None:
    """Resumed by its session id in a new process, the agent sends its model what was said, and tells us only what is
    new: the past, too long for a pipe, is not told again."""
    path = str(tmp_path / "work/made.txt")
    long = "A long answer: " + " ".join(map(str, range(50_000)))

    def answer(asked: Asked) -> str | Call:
        if len(fake.asked) == 1:
            return WRITES[name](path)
        return long if asked.result is not None and len(fake.asked) == 2 else f"Answer {len(fake.asked)}."

    async with FakeModels(answer) as fake:
        lab = Lab(name, fake, programs, tmp_path, play)
        first = await lab.prompt("remember the word zebra", permission_mode="default")
        assert long in first.answer
        for _ in range(2):
            lab.let_a_minute_pass()
            asked = len(fake.asked)
            run = await lab.prompt("which word?", agent_session_id=first.session_id, permission_mode="default")

            assert run.finished.error is None
            assert run.session_id == first.session_id
            assert "zebra" in fake.asked[-1].whole
            assert "A long answer:" in fake.asked[-1].whole
            told = [block for message in run.messages if message.role != "system" for block in blocks(message)]
            assert told == [{"type": "text", "text": f"Answer {asked + 1}."}]
            assert run.streamed == f"Answer {asked + 1}."


async def test_a_wrong_key_is_told(programs: Path, play: Runner, tmp_path: Path) -> None:
    """What the vendor refuses is the run's error, in its kind."""
    async with FakeModels(lambda asked: "never") as fake:
        lab = Lab("codex", fake, programs, tmp_path, play)
        lab.environment.pop("FAKE_KEY")
        run = await lab.prompt("hello")
        assert run.finished.error is not None
        assert "FAKE_KEY" in run.error.message
        assert fake.asked == []


async def test_versions_are_those_of_the_packages(programs: Path) -> None:
    """What npm installed is what `agor agent list` would show."""
    found = await AGENTS["gemini"].availability({"PATH": str(programs / ".bin")})
    assert found.version == json.loads((PACKAGES / "package.json").read_text())["dependencies"]["@google/gemini-cli"]
