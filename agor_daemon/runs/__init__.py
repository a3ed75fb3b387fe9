"""Agent runs: which are under way, which wait, and what a killed daemon left behind."""

from agor_daemon.runs import records
from agor_daemon.runs.registry import AgentRuns

__all__ = ["AgentRuns", "records"]
