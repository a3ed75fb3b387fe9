"""Which agents there are, and what is missing before they can run."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from agor_core.agents import Agent
from agor_core.errors import NotFound
from agor_core.feathers import Params


class AgentsService:
    """The service `agents`: read only; what is installed is looked up at each call.

    `environment`: gives the environment in which the named agent would run.
    """

    def __init__(self, agents: Mapping[str, Agent], environment: Callable[[str], Mapping[str, str]]) -> None:
        self._agents = agents
        self._environment = environment

    async def find(self, params: Params) -> list[dict[str, Any]]:
        """`[{name, installed, version, signed_in, problem, how_to}]`; `problem` is null where a run could start."""
        return list(await asyncio.gather(*map(self._describe, self._agents)))

    async def get(self, id: str, params: Params) -> dict[str, Any]:
        """One of them, by its name. Raises NotFound with the names there are."""
        if id not in self._agents:
            raise NotFound(f"no agent {id!r}; there are {', '.join(self._agents)}", known=list(self._agents))
        return await self._describe(id)

    async def _describe(self, name: str) -> dict[str, Any]:
        found = await self._agents[name].availability(self._environment(name))
        return {"name": name, **dataclasses.asdict(found)}
