"""An ACP agent: a command line, and whether it can be started."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing

from agor_core.agents.protocol import AgentError, AgentEvent, Ask, Availability, Finished, RunRequest


class AcpAgent:
    """A program that is an ACP agent on its stdin and stdout. `how_to` says how to get it."""

    def __init__(self, name: str, command: Sequence[str], *, how_to: str | None = None) -> None:
        self.name = name
        self._command = list(command)
        self._how_to = how_to or f"set agents.{name}.command to a program that speaks the Agent Client Protocol"

    async def availability(self, environment: Mapping[str, str]) -> Availability:
        """Whether the program is there. Whether it is signed in only it knows, once a run starts."""
        if await asyncio.to_thread(self._program, environment) is None:
            return Availability(installed=False, problem=self._missing, how_to=self._how_to)
        return Availability(installed=True)

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
