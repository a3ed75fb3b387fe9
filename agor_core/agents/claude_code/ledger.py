"""What a conversation cost before this run: the CLI counts from its first prompt, we tell what one prompt took."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agor_core.agents.protocol import Usage


@dataclass(frozen=True, slots=True)
class Ledger:
    """Sums over a conversation, its forks' common past included. `usage` is None where only the cost is known."""

    cost_usd: float = 0.0
    usage: Usage | None = None


def read_ledger(transcript: Path) -> Ledger | None:
    """The last sums in a transcript, from which a resumed CLI counts on. None if it holds none (before 2.1)."""
    last: bytes | None = None
    with transcript.open("rb") as lines:
        for line in lines:
            if b'"cost-state"' in line:
                last = line
    try:
        record = json.loads(last or b"{}")
        if record.get("type") != "cost-state":
            return None
        return Ledger(float(record["totalCostUSD"]), model_usage(record.get("modelUsage")))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def cost_of(records: Iterable[Mapping[str, Any]]) -> float | None:
    """What a conversation with these records has cost in all; None if none of them says."""
    costs = [record.get("totalCostUSD") for record in records if record.get("type") == "cost-state"]
    return next((float(cost) for cost in reversed(costs) if isinstance(cost, int | float)), None)


def model_usage(models: Mapping[str, Mapping[str, Any]] | None) -> Usage:
    """The sum over all models, as transcripts and results report it."""
    total = Usage()
    for counts in (models or {}).values():
        names = ("inputTokens", "outputTokens", "cacheReadInputTokens", "cacheCreationInputTokens")
        total += Usage(*(int(counts.get(name) or 0) for name in names))
    return total
