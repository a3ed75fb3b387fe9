"""The records of a Claude Code transcript: JSON objects, one a line, in the order they were written.

Two generations are in use. 2.0 writes the conversation and little else, sub-agents among it (`isSidechain`).
2.1 adds bookkeeping between (`attachment`, `queue-operation`, `api-request`…) and gives each sub-agent a file.
In both, `parentUuid` makes a tree: a rewind or a parallel tool call leaves side branches.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

Record = dict[str, Any]

SNAPSHOT: Final = "file-history-snapshot"
"""A record of which files' contents were saved before an edit."""

BOOKKEEPING = frozenset(
    {
        *("summary", "custom-title", "ai-title", "agent-name", "agent-color", "agent-setting", "tag", "pr-link"),
        *("attachment", "system", "progress", "queue-operation", "last-prompt", "mode", "permission-mode"),
        *("api-request", "api-request-shape", "api-request-blob", "atis-latch", "cost-state", "tools-used"),
        *("bridge-session", "worktree-state", "content-replacement", "attribution-snapshot", "file-history-delta"),
    }
)
"""Kinds of records that are known, and of which nothing is told but what is read from them."""


_LINKS = ("uuid", "parentUuid", "logicalParentUuid", "leafUuid")


@dataclass(slots=True)
class RecordFile:
    """The readable records of a file, and `(line number, why)` for the others."""

    records: list[Record] = field(default_factory=list)
    skipped: list[tuple[int, str]] = field(default_factory=list)


def read_records(path: Path) -> RecordFile:
    """Every line that is a record. A damaged line costs itself only. Raises OSError."""
    file = RecordFile()
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                record = _parse(line)
            except ValueError as error:
                file.skipped.append((number, f"not JSON: {error}"))
                continue
            problem = _problem(record)
            if problem is None:
                file.records.append(record)
            else:
                file.skipped.append((number, problem))
    return file


def _parse(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        # Half of a surrogate pair, where the CLI cut a text, is JSON to Python's parser only; nobody can keep it.
        return _without_halves(json.loads(line.decode("utf-8", "surrogatepass"), strict=False))


_HALF = re.compile("[\ud800-\udfff]")


def _without_halves(value: Any) -> Any:
    if isinstance(value, str):
        return _HALF.sub("\ufffd", value)
    if isinstance(value, list):
        return [_without_halves(inner) for inner in value]
    if isinstance(value, dict):
        return {_without_halves(name): _without_halves(inner) for name, inner in value.items()}
    return value


def _problem(record: Any) -> str | None:
    if not isinstance(record, dict):
        return "not a JSON object"
    if not isinstance(record.get("type"), str):
        return "a record without a type"
    for name in _LINKS:
        if not isinstance(record.get(name), str | None):
            return f"a record whose {name} is no text"
    if record.get("type") in ("user", "assistant"):
        message = record.get("message")
        if not isinstance(message, dict) or not isinstance(message.get("content"), str | list):
            return f"a record of type {record['type']} without a message"
        if not isinstance(record.get("uuid"), str):
            return f"a record of type {record['type']} without a uuid"
    return None


def is_bookkeeping(record: Record) -> bool:
    """Whether the record is of a known kind that is no talk, and not worth keeping."""
    return record.get("type") in BOOKKEEPING


def blocks_of(record: Record) -> list[dict[str, Any]]:
    """The blocks of a record's message; none if its content is text."""
    message = record.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    return [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []


def text_of(record: Record) -> str:
    """What a record's message says in plain text."""
    message = record.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, str):
        return content
    return "\n".join(str(block.get("text", "")) for block in blocks_of(record) if block.get("type") == "text")


def live_records(records: list[Record]) -> list[Record]:
    """The records of the branch that a resumed conversation would go on from, in the order of the file.

    From the newest leaf up through `parentUuid`, through bookkeeping that is part of the chain, and over a
    compaction through `logicalParentUuid`. Beside the chain belong the other blocks of a message that is on it, the
    results of its tools (parallel tools make a branch each), and the summary that follows a compaction.
    """
    by_uuid = {record["uuid"]: record for record in records if isinstance(record.get("uuid"), str)}
    leaf = _leaf(records, by_uuid)
    if leaf is None:
        return []
    chain = {record["uuid"] for record in _upwards(leaf, by_uuid)}
    message_ids = {_message_id(by_uuid[uuid]) for uuid in chain} - {None}
    live: list[Record] = []
    tools: set[str] = set()
    for record in by_uuid.values():
        if not (record["uuid"] in chain or _message_id(record) in message_ids or _belongs(record, chain, tools)):
            continue
        live.append(record)
        tools.update(str(block.get("id")) for block in blocks_of(record) if block.get("type") == "tool_use")
    return live


def _belongs(record: Record, chain: set[str], tools: set[str]) -> bool:
    if record.get("isSidechain"):
        return False
    if record.get("isCompactSummary"):
        return record.get("parentUuid") in chain
    return any(block.get("type") == "tool_result" and block.get("tool_use_id") in tools for block in blocks_of(record))


def _leaf(records: list[Record], by_uuid: dict[str, Record]) -> Record | None:
    """Where the conversation stands: the newest record of it, or what a `last-prompt` after it points back to."""
    newest: Record | None = None
    pointed: Record | None = None
    for record in records:
        if record.get("type") == "last-prompt":
            pointed = by_uuid.get(str(record.get("leafUuid")))
        elif isinstance(record.get("uuid"), str) and not record.get("isSidechain") and "parentUuid" in record:
            newest, pointed = record, None
    if newest is None or pointed is None:
        return newest
    # Mostly it lags behind by a record; only a pointer off the newest branch tells of a rewind.
    return newest if any(record is pointed for record in _upwards(newest, by_uuid)) else pointed


def _upwards(record: Record, by_uuid: dict[str, Record]) -> Iterator[Record]:
    seen: set[str] = set()
    current: Record | None = record
    while current is not None and current["uuid"] not in seen:
        seen.add(current["uuid"])
        yield current
        current = by_uuid.get(str(current.get("parentUuid") or current.get("logicalParentUuid")))


def _message_id(record: Record) -> str | None:
    if record.get("type") != "assistant":
        return None
    id = record["message"].get("id")
    return id if isinstance(id, str) else None
