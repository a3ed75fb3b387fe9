"""From the records of a transcript to its messages: an answer's blocks are one again, helpers follow their call."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal

import orjson

from agor_core.agents.claude_code.prompts import is_machinery, prompt_of
from agor_core.agents.claude_code.records import SNAPSHOT, Record, is_bookkeeping
from agor_core.agents.claude_code.subagents import Helper
from agor_core.agents.protocol import Block, Usage
from agor_core.clock import parse_iso

SYNTHETIC_MODEL = "<synthetic>"
LONGEST_MODEL = 200
RECORD_ID_LENGTH = 32

Role = Literal["user", "assistant", "system"]


@dataclass(slots=True)
class TranscriptMessage:
    """One entry: all blocks of one answer, one user record, or a note of the system. `timestamp`: ms since 1970.

    `original_id` is unique in the transcript, and a place where Claude can fork. `earlier_ids`: the ids it had while
    the answer was not yet complete. `record`: what the message stands for, where nobody knows how to read it.
    """

    type: Literal["user", "assistant", "system", "file-history-snapshot"]
    role: Role
    content: list[Block] | str
    timestamp: int
    original_id: str
    parent_tool_use_id: str | None = None
    model: str | None = None
    is_meta: bool = False
    is_error: bool = False
    usage: Usage | None = None
    earlier_ids: list[str] = field(default_factory=list)
    record: Record | None = None


@dataclass(slots=True)
class Entry:
    """A message, and the `prompt` if it is one: then a task begins. `api_id`: of the answer it is a part of."""

    message: TranscriptMessage
    prompt: str | None = None
    api_id: str | None = None


def entries_of(records: list[Record], helpers: list[Helper], other: list[Record]) -> list[Entry]:
    """The messages of a conversation, each sub-agent's right after the message that called it.

    `other` gets the records that are bookkeeping.
    """
    return _entries(records, None, helpers, other)


def _entries(records: list[Record], parent: str | None, helpers: list[Helper], other: list[Record]) -> list[Entry]:
    entries: list[Entry] = []
    answers: dict[str, Entry] = {}
    time = 0
    for position, record in enumerate(records):
        entry = _entry(record, parent)
        if entry is None:
            other.append(record)
            continue
        # A record without a time was written when the one before it was.
        time = entry.message.timestamp = entry.message.timestamp or time
        if parent is None and record.get("type") == "user":
            entry.prompt = prompt_of(record, islice(records, position + 1, None))
            entry.message.is_meta = entry.message.is_meta or (entry.prompt is None and is_machinery(record))
        begun = answers.get(entry.api_id) if entry.api_id is not None else None
        if begun is not None:
            # Results of the answer's first tools may stand between its blocks: the answer comes first.
            _join(begun.message, entry.message)
            continue
        entries.append(entry)
        if entry.api_id is not None:
            answers[entry.api_id] = entry
    return [inner for entry in entries for inner in (entry, *_helped(entry, helpers, other))]


def _helped(entry: Entry, helpers: list[Helper], other: list[Record]) -> list[Entry]:
    called = [block.get("id") for block in entry.message.content if isinstance(block, dict)]
    return [
        inner
        for helper in helpers
        if helper.tool_use_id in called
        for inner in _entries(helper.records, helper.tool_use_id, [h for h in helpers if h is not helper], other)
    ]


def _entry(record: Record, parent: str | None) -> Entry | None:
    """The record as a message; None if it is bookkeeping."""
    kind, message = record.get("type"), record.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    if kind == "assistant" and isinstance(message, dict) and isinstance(content, str | list):
        id = message.get("id")
        return Entry(_assistant(record, message, content, parent), api_id=id if isinstance(id, str) else None)
    if kind == "user" and isinstance(content, str | list):
        return Entry(_message("user", content, record, parent, is_meta=_is_meta(record)))
    if kind == "attachment":
        return _queued(record, parent)
    if isinstance(content, str | list) and isinstance(record.get("uuid"), str):
        return Entry(_message("system", content, record, parent))
    text = record.get("content")
    if kind not in ("queue-operation", "summary") and isinstance(text, str) and isinstance(record.get("uuid"), str):
        return Entry(_message("system", text, record, parent, is_meta=bool(record.get("isMeta"))))
    return None if is_bookkeeping(record) else Entry(_unread(record, parent))


def _queued(record: Record, parent: str | None) -> Entry | None:
    """What a person typed while the agent was at work: it is nowhere else."""
    attachment = record.get("attachment")
    if not isinstance(attachment, dict) or attachment.get("type") != "queued_command":
        return None
    queued = attachment.get("prompt")
    if not isinstance(queued, str | list):
        return None
    by_machine = is_machinery({"message": {"content": queued}, "origin": attachment.get("origin")})
    return Entry(_message("user", queued, record, parent, is_meta=by_machine))


def _assistant(
    record: Record, message: dict[str, Any], content: list[Any] | str, parent: str | None
) -> TranscriptMessage:
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    made = _message("assistant", blocks, record, parent)
    model = message.get("model")
    is_name = isinstance(model, str) and model != SYNTHETIC_MODEL and len(model) <= LONGEST_MODEL
    made.model = model if is_name else None
    made.is_error = bool(record.get("isApiErrorMessage"))
    made.is_meta = model == SYNTHETIC_MODEL and not made.is_error
    made.usage = _usage(message.get("usage"))
    return made


def _unread(record: Record, parent: str | None) -> TranscriptMessage:
    """A record of a kind that is not known, or that is no talk: kept as it is."""
    kind = str(record.get("type"))
    made = _message("system", f"({kind})", record, parent, is_meta=True)
    made.record = record
    if kind == SNAPSHOT:
        made.type = SNAPSHOT
    return made


def _message(
    role: Role, content: list[Any] | str, record: Record, parent: str | None, *, is_meta: bool = False
) -> TranscriptMessage:
    whole = [_block(block) for block in content if isinstance(block, dict)] if isinstance(content, list) else content
    return TranscriptMessage(role, role, whole, _time(record), record_id(record), parent, is_meta=is_meta)


def record_id(record: Record) -> str:
    """The record's uuid; of one that has none, a digest, so that it is known when it is seen again."""
    uuid = record.get("uuid")
    if isinstance(uuid, str):
        return uuid
    return hashlib.sha256(orjson.dumps(record, option=orjson.OPT_SORT_KEYS)).hexdigest()[:RECORD_ID_LENGTH]


def _join(message: TranscriptMessage, more: TranscriptMessage) -> None:
    """Add a further block of the same answer. Claude forks after an answer at its last block."""
    assert isinstance(message.content, list)
    assert isinstance(more.content, list)
    message.content.extend(more.content)
    message.earlier_ids.append(message.original_id)
    message.original_id = more.original_id
    message.usage = more.usage or message.usage


def _block(block: dict[str, Any]) -> Block:
    # The signature proves the thinking to the vendor's API alone, and is longer than it.
    return {key: value for key, value in block.items() if key != "signature"}


def _is_meta(record: Record) -> bool:
    return bool(record.get("isMeta") or record.get("isCompactSummary"))


def _time(record: Record) -> int:
    try:
        return parse_iso(str(record.get("timestamp")))
    except ValueError:
        return 0


def _usage(usage: Any) -> Usage | None:
    if not isinstance(usage, dict):
        return None
    names = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    return Usage(*(_count(usage.get(name)) for name in names))


def _count(value: Any) -> int:
    return int(value) if isinstance(value, int | float) and value > 0 else 0
