"""An ACP agent: a command line, and whether it can be started."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path

from agor_core.agents.protocol import AgentError, AgentEvent, Ask, Availability, Finished, RunRequest

# A program from npm is a link into its package, a level or two below its description.
LEVELS_UP = 4


@dataclass(frozen=True, slots=True)
class SignIn:
    """What would show that an agent is signed in: variables of its environment, files in its home."""

    variables: tuple[str, ...] = ()
    files: tuple[str, ...] = ()

    def is_found(self, environment: Mapping[str, str]) -> bool:
        """Whether any of it is there. If not, the agent may still be signed in by a way of its own."""
        home = Path(environment.get("HOME") or Path.home())
        return any(environment.get(name) for name in self.variables) or any(
            (home / file).is_file() for file in self.files
        )


def package_version(program: str) -> str | None:
    """The version in the npm package that `program` belongs to, without starting it; None for other programs."""
    for folder in list(Path(program).resolve().parents)[:LEVELS_UP]:
        try:
            version = json.loads((folder / "package.json").read_text(encoding="utf-8")).get("version")
        except (OSError, ValueError, AttributeError):
            continue
        if isinstance(version, str):
            return version
    return None


class AcpAgent:
    """A program that is an ACP agent on its stdin and stdout. `how_to` says how to get it.

    `loses_conversations`: as a rule, by itself. A lost one goes on in a new one, which is told what is stored of it;
    so is a fork that the agent cannot make.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        how_to: str | None = None,
        sign_in: SignIn | None = None,
        loses_conversations: bool = False,
    ) -> None:
        self.name = name
        self.loses_conversations = loses_conversations
        self._command = list(command)
        self._sign_in = sign_in or SignIn()
        self._how_to = how_to or f"set agents.{name}.command to a program that speaks the Agent Client Protocol"

    async def availability(self, environment: Mapping[str, str]) -> Availability:
        """Whether the program is there. Whether it is signed in only it knows, once a run starts."""
        return await asyncio.to_thread(self._availability, environment)

    def _availability(self, environment: Mapping[str, str]) -> Availability:
        program = self._program(environment)
        if program is None:
            return Availability(installed=False, problem=self._missing, how_to=self._how_to)
        return Availability(True, package_version(program), self._sign_in.is_found(environment) or None)

    async def run(self, request: RunRequest, ask: Ask) -> AsyncGenerator[AgentEvent, None]:
        """One prompt through the program; see `run.py`."""
        program = await asyncio.to_thread(self._program, request.environment)
        if program is None:
            yield Finished(AgentError("no_cli", f"{self._missing}: {self._how_to}"))
            return
        try:
            drive = await asyncio.to_thread(_load_driver)
        except ImportError as error:
            yield Finished(AgentError("no_cli", f"agent-client-protocol cannot be loaded ({error}): pip install it"))
            return
        if request.fork is None and not self.loses_conversations:
            # That a conversation is gone is then news to a person, who decides whether it goes on without the agent's.
            request = replace(request, recall=None)
        async with aclosing(drive(request, ask, [program, *self._command[1:]], self.name)) as events:
            async for event in events:
                yield event

    @property
    def _missing(self) -> str:
        return f"{self.name} is not installed: there is no `{self._command[0]}` on the PATH"

    def _program(self, environment: Mapping[str, str]) -> str | None:
        return shutil.which(self._command[0], path=environment.get("PATH"))


def _load_driver() -> Callable[[RunRequest, Ask, Sequence[str], str], AsyncGenerator[AgentEvent, None]]:
    from agor_core.agents.acp.run import drive

    return drive
