"""A small ACP agent, spoken to in commands: `python -m tests.fake_acp.agent [what it cannot do…]`.

A prompt is lines, each one thing to do: `say TEXT`, `think TEXT`, `write PATH TEXT` (asks first), `run TEXT` (a tool
that fails), `leave` (a tool without end), `remember`, `usage`, `stop REASON`, `fail CODE TEXT`, `hang`, `die`,
`flood`, `noise`, `length`. Words on the command line take abilities away or add some: `no-load`, `fork`, `late` (tells
the past after it has answered that it is there), `models`, `modes`, `auth`, `mute`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any, cast

import acp
from acp import schema

ABILITIES = frozenset(sys.argv[1:])

# Where conversations are kept, as an agent keeps them: in the home that its environment names.
STORE = Path(os.environ.get("HOME", "/nonexistent")) / "conversations.json"


class FakeAgent:
    """One process, one or more sessions; `said` are the prompts of each, kept on disk."""

    def __init__(self) -> None:
        self._said: dict[str, list[str]] = json.loads(STORE.read_text()) if STORE.exists() else {}
        self._cwd = "."
        self._cancelled = asyncio.Event()

    def on_connect(self, client: Any) -> None:
        self._client = client

    async def initialize(self, protocol_version: int, **_: Any) -> schema.InitializeResponse:
        if "mute" in ABILITIES:
            await asyncio.Event().wait()
        sessions = schema.SessionCapabilities(fork=schema.SessionForkCapabilities() if "fork" in ABILITIES else None)
        return schema.InitializeResponse(
            protocol_version=protocol_version,
            agent_capabilities=schema.AgentCapabilities(
                load_session="no-load" not in ABILITIES, session_capabilities=sessions
            ),
            agent_info=schema.Implementation(name="fake", version="9.9"),
            auth_methods=[schema.AuthMethodAgent(id="web", name="Sign in with a browser")],
        )

    async def new_session(self, cwd: str, **_: Any) -> schema.NewSessionResponse:
        if "auth" in ABILITIES:
            raise acp.RequestError.auth_required()
        self._cwd = cwd
        id = f"fake-{len(self._said) + 1}"
        self._said[id] = []
        return schema.NewSessionResponse(session_id=id, config_options=_models(), modes=_modes())

    async def load_session(self, cwd: str, session_id: str, **_: Any) -> schema.LoadSessionResponse:
        if session_id not in self._said:
            raise acp.RequestError(-32002, "no such session")
        self._cwd = cwd
        await self._tell_past(session_id)
        return schema.LoadSessionResponse()

    async def fork_session(self, cwd: str, session_id: str, **_: Any) -> schema.ForkSessionResponse:
        self._cwd = cwd
        id = f"fake-{len(self._said) + 1}"
        self._said[id] = list(self._said[session_id])
        await self._tell_past(id)
        return schema.ForkSessionResponse(session_id=id)

    async def set_session_mode(self, mode_id: str, session_id: str, **_: Any) -> None:
        self._said[session_id].append(f"mode {mode_id}")

    async def set_config_option(
        self, config_id: str, session_id: str, value: str | bool, **_: Any
    ) -> schema.SetSessionConfigOptionResponse:
        self._said[session_id].append(f"{config_id} {value}")
        return schema.SetSessionConfigOptionResponse(config_options=[])

    async def prompt(self, prompt: list[Any], session_id: str, **_: Any) -> schema.PromptResponse:
        text = prompt[0].text
        reason: schema.StopReason = "end_turn"
        usage = None
        for number, line in enumerate(text.splitlines()):
            word, _, rest = line.partition(" ")
            if word == "stop":
                reason = cast(schema.StopReason, rest)
            elif word == "usage":
                usage = schema.Usage(input_tokens=10, output_tokens=5, total_tokens=15, cached_read_tokens=2)
                cost = schema.Cost(amount=0.25, currency="USD")
                update = schema.UsageUpdate(session_update="usage_update", used=15, size=1000, cost=cost)
                await self._client.session_update(session_id, update)
            elif word == "hang":
                await self._cancelled.wait()
                reason = "cancelled"
            else:
                await self._do(word, rest, session_id, f"call-{number}")
        self._said[session_id].append(text)
        STORE.write_text(json.dumps(self._said))
        return schema.PromptResponse(stop_reason=reason, usage=usage)

    async def cancel(self, session_id: str, **_: Any) -> None:
        Path(self._cwd, "cancelled").touch()
        self._cancelled.set()

    async def _tell_past(self, session_id: str) -> None:
        self._telling = asyncio.create_task(self._past(session_id))
        if "late" not in ABILITIES:
            await self._telling

    async def _past(self, session_id: str) -> None:
        for number, prompt in enumerate(self._said[session_id]):
            for update in (
                acp.update_user_message_text(prompt),
                acp.update_agent_thought_text("an old thought"),
                acp.start_tool_call(f"old-{number}", "An old call", status="completed"),
                acp.update_agent_message_text("an old answer"),
            ):
                await self._client.session_update(session_id, update)

    async def _do(self, word: str, rest: str, session_id: str, call: str) -> None:
        async def tell(update: Any) -> None:
            await self._client.session_update(session_id, update)

        match word:
            case "say":
                for piece in rest.split(" "):
                    await tell(acp.update_agent_message_text(piece + " "))
            case "think":
                await tell(acp.update_agent_thought_text(rest))
            case "remember":
                await tell(acp.update_agent_message_text(" | ".join(self._said[session_id])))
            case "write":
                await self._write(*rest.split(" ", 1), session_id=session_id, call=call)
            case "run":
                await tell(acp.start_tool_call(call, "Run it", kind="execute", raw_input={"command": rest}))
                await tell(acp.update_tool_call(call, status="failed", raw_output={"code": 1}))
            case "leave":
                await tell(acp.start_tool_call(call, "Leave it", kind="fetch"))
            case "fail":
                code, _, message = rest.partition(" ")
                raise acp.RequestError(int(code), message)
            case "die":
                print("I am dying of", os.environ.get("FAKE_API_KEY"), file=sys.stderr, flush=True)
                os._exit(3)
            case "flood":
                while True:
                    await tell(acp.update_agent_message_text("x" * 1_000_000))
            case "noise":
                os.set_blocking(1, True)
                while True:
                    os.write(1, b"noise " * 1000 + b"\n")
            case "length":
                await tell(acp.update_agent_message_text(rest and str(len(rest))))

    async def _write(self, path: str, text: str, *, session_id: str, call: str) -> None:
        start = acp.start_tool_call(call, f"Write {path}", kind="edit", raw_input={"path": path, "content": text})
        await self._client.session_update(session_id, start)
        options = [
            schema.PermissionOption(option_id="once", name="Yes", kind="allow_once"),
            schema.PermissionOption(option_id="ever", name="Always", kind="allow_always"),
            schema.PermissionOption(option_id="no", name="No", kind="reject_once"),
        ]
        question = schema.ToolCallUpdate(tool_call_id=call)
        answer = await self._client.request_permission(session_id=session_id, tool_call=question, options=options)
        chosen = getattr(answer.outcome, "option_id", "cancelled")
        if chosen in ("once", "ever"):
            Path(self._cwd, path).write_text(text)
        status: schema.ToolCallStatus = "completed" if chosen in ("once", "ever") else "failed"
        content = [acp.tool_content(acp.text_block(f"chosen: {chosen}"))]
        await self._client.session_update(session_id, acp.update_tool_call(call, status=status, content=content))


def _models() -> list[Any] | None:
    if "models" not in ABILITIES:
        return None
    values = [schema.SessionConfigSelectOption(value=name, name=name) for name in ("small", "large")]
    option = schema.SessionConfigOptionSelect(
        id="model", name="Model", category="model", type="select", current_value="small", options=values
    )
    return [option]


def _modes() -> Any:
    if "modes" not in ABILITIES:
        return None
    modes = [schema.SessionMode(id=id, name=id) for id in ("code", "auto-edit", "https://example.com/modes#plan")]
    return schema.SessionModeState(current_mode_id="code", available_modes=modes)


if __name__ == "__main__":
    # It need not know every method there is.
    asyncio.run(acp.run_agent(cast(acp.Agent, FakeAgent()), use_unstable_protocol=True))
