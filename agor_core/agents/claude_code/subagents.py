"""Sub-agents in transcripts: which records are whose, and which tool use called them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson

from agor_core.agents.claude_code.records import Record, blocks_of, live_records, read_records, text_of

TOOLS = ("Agent", "Task")
"""What the tool that calls a sub-agent is named; the second until 2.0."""


@dataclass(slots=True)
class Helper:
    """A sub-agent's conversation."""

    tool_use_id: str
    records: list[Record]


def inline_helpers(records: list[Record], live: list[Record]) -> list[Helper]:
    """Sub-agents in the conversation's own file (2.0), told apart by following each record up to its root.

    Nothing names the call a root belongs to; but the root is the prompt that the call gave.
    """
    side = [record for record in records if record.get("isSidechain") and isinstance(record.get("uuid"), str)]
    by_root: dict[str, list[Record]] = {}
    root_of: dict[str, str] = {}
    for record in side:
        root = root_of.get(str(record.get("parentUuid")), str(record["uuid"]))
        root_of[record["uuid"]] = root
        by_root.setdefault(root, []).append(record)
    calls = [block for record in [*live, *side] for block in _calls(record)]
    helpers: list[Helper] = []
    for group in by_root.values():
        prompt = text_of(group[0])
        call = next((call for call in calls if (call.get("input") or {}).get("prompt") == prompt), None)
        if call is not None:
            calls.remove(call)
            helpers.append(Helper(str(call["id"]), group))
    return helpers


def file_helpers(transcript: Path, live: list[Record], skipped: list[tuple[int, str]]) -> list[Helper]:
    """Sub-agents in files of their own: `<session>/subagents/agent-<id>.jsonl` (2.1), or beside the transcript.

    `skipped` gets the lines that could not be read, with the file's name in the reason.
    """
    callers = {agent_id: tool_use_id for record in live for agent_id, tool_use_id in _announced(record)}
    helpers: list[Helper] = []
    inside = sorted((transcript.parent / transcript.stem / "subagents").glob("agent-*.jsonl"))
    beside = [transcript.parent / f"agent-{agent_id}.jsonl" for agent_id in callers]
    for path in (*inside, *(path for path in beside if path.is_file())):
        tool_use_id = _meta(path).get("toolUseId") or callers.get(path.stem.removeprefix("agent-"))
        if not isinstance(tool_use_id, str):
            continue
        file = read_records(path)
        skipped.extend((number, f"{path.name}: {why}") for number, why in file.skipped)
        # Within its own file a sub-agent is the main line.
        records = live_records([{**record, "isSidechain": False} for record in file.records])
        helpers.append(Helper(tool_use_id, records))
    return helpers


def _calls(record: Record) -> Iterator[Record]:
    return (block for block in blocks_of(record) if block.get("type") == "tool_use" and block.get("name") in TOOLS)


def _announced(record: Record) -> Iterator[tuple[str, str]]:
    """The sub-agent's id and the call, as the call's result tells them."""
    result = record.get("toolUseResult")
    if isinstance(result, dict) and isinstance(result.get("agentId"), str):
        for block in blocks_of(record):
            if block.get("type") == "tool_result":
                yield result["agentId"], str(block.get("tool_use_id"))


def _meta(path: Path) -> Record:
    try:
        meta = orjson.loads(path.with_suffix(".meta.json").read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {}
    return meta if isinstance(meta, dict) else {}
