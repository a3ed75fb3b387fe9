"""Reads a Claude Code transcript into tasks and messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from agor_core.agents.claude_code.home import config_dir
from agor_core.agents.claude_code.prompts import is_machinery, prompt_of
from agor_core.agents.claude_code.records import (
    Record,
    live_records,
    read_records,
)
from agor_core.agents.claude_code.subagents import Helper, file_helpers, inline_helpers
from agor_core.agents.claude_code.titles import title_elsewhere, title_of
from agor_core.agents.protocol import Block, Usage
from agor_core.clock import parse_iso
from agor_core.errors import NotFound
from agor_core.ids import is_id

SYNTHETIC_MODEL = "<synthetic>"


@dataclass(slots=True)
class TranscriptMessage:
    """One entry: all blocks of one answer, one user record, or a note of the system. `timestamp`: ms since 1970.

    `original_id` is unique in the transcript, and a place where Claude can fork.
    """

    type: Literal["user", "assistant", "system"]
    role: Literal["user", "assistant", "system"]
    content: list[Block] | str
    timestamp: int
    original_id: str
    parent_tool_use_id: str | None = None
    model: str | None = None
    is_meta: bool = False
    is_error: bool = False
    usage: Usage | None = None


@dataclass(slots=True)
class TranscriptTask:
    """A person's prompt and everything until the next; `messages[0]` is the prompt."""

    prompt: str
    started_at: int
    messages: list[TranscriptMessage]

    @property
    def ended_at(self) -> int:
        """When the last of it was said."""
        return max(message.timestamp for message in self.messages)

    @property
    def usage(self) -> Usage:
        """Tokens of all its answers, its sub-agents' too."""
        return _sum(self.messages)


@dataclass(slots=True)
class Transcript:
    """A conversation as its file tells it.

    `preamble`: what came before the first prompt. `other`: records that are not conversation, as they are.
    `skipped`: `(line number, why)` of lines that could not be read. `title` is None where Claude gave none.
    """

    session_id: str
    cwd: str | None = None
    git_branch: str | None = None
    title: str | None = None
    version: str | None = None
    model: str | None = None
    tasks: list[TranscriptTask] = field(default_factory=list)
    preamble: list[TranscriptMessage] = field(default_factory=list)
    other: list[Record] = field(default_factory=list)
    skipped: list[tuple[int, str]] = field(default_factory=list)

    @property
    def messages(self) -> list[TranscriptMessage]:
        """All messages, in order."""
        return [*self.preamble, *(message for task in self.tasks for message in task.messages)]

    @property
    def usage(self) -> Usage:
        """Tokens of all answers, each counted once."""
        return _sum(self.messages)


def read_transcript(path: Path | str) -> Transcript:
    """The conversation in the file, on its newest branch, with the sub-agents that belong to it. Raises OSError."""
    path = Path(path)
    file = read_records(path)
    transcript = Transcript(session_id=path.stem, skipped=file.skipped)
    live = live_records([record for record in file.records if not record.get("isSidechain")])
    helpers = [*inline_helpers(file.records, live), *file_helpers(path, live, file.skipped)]
    _describe(transcript, file.records, live)
    if transcript.title is None and live:
        transcript.title = title_elsewhere(path, {str(record["uuid"]) for record in live})
    entries = _entries(live, None, helpers, transcript.other)
    _cut_at_prompts(transcript, entries)
    return transcript


def find_transcript(session_id: str, environ: Mapping[str, str]) -> Path:
    """The transcript of Claude's session `session_id`, whatever directory it was about. Raises NotFound."""
    if is_id(session_id.lower()):
        for path in (config_dir(environ) / "projects").glob(f"*/{session_id.lower()}.jsonl"):
            return path
    raise NotFound(f"Claude Code has no conversation {session_id} on this machine", id=session_id)


def list_transcripts(environ: Mapping[str, str], since_ms: int | None = None) -> list[Path]:
    """All conversations on this machine that changed since `since_ms`, the newest first."""
    found: list[tuple[float, Path]] = []
    for path in (config_dir(environ) / "projects").glob("*/*.jsonl"):
        # `agent-<id>.jsonl` in this place is a sub-agent of some conversation, as an older generation kept them.
        if not is_id(path.stem):
            continue
        changed = path.stat().st_mtime
        if since_ms is None or changed * 1000 >= since_ms:
            found.append((changed, path))
    return [path for _, path in sorted(found, reverse=True)]


# --- entries ----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Entry:
    message: TranscriptMessage
    prompt: str | None = None
    api_id: str | None = None


def _entries(live: list[Record], parent: str | None, helpers: list[Helper], other: list[Record]) -> list[_Entry]:
    """The messages of one conversation, each sub-agent's right after the message that called it."""
    entries: list[_Entry] = []
    answers: dict[str | None, _Entry] = {}
    for position, record in enumerate(live):
        entry = _entry(record, parent)
        if entry is None:
            other.append(record)
            continue
        if parent is None and record.get("type") == "user":
            entry.prompt = prompt_of(record, islice(live, position + 1, None))
            entry.message.is_meta = entry.message.is_meta or (entry.prompt is None and is_machinery(record))
        if entry.api_id is not None and entry.api_id in answers:
            # Results of the answer's first tools may stand between its blocks: the answer comes first.
            _join(answers[entry.api_id].message, entry.message)
        else:
            entries.append(entry)
            answers[entry.api_id] = entry
    return [inner for entry in entries for inner in (entry, *_helped(entry, helpers, other))]


def _helped(entry: _Entry, helpers: list[Helper], other: list[Record]) -> list[_Entry]:
    called = [block.get("id") for block in entry.message.content if isinstance(block, dict)]
    return [
        inner
        for helper in helpers
        if helper.tool_use_id in called
        for inner in _entries(helper.records, helper.tool_use_id, [h for h in helpers if h is not helper], other)
    ]


def _entry(record: Record, parent: str | None) -> _Entry | None:
    """The record as a message; None if it is bookkeeping."""
    kind, message = record.get("type"), record.get("message")
    if kind == "assistant" and isinstance(message, dict):
        return _Entry(_assistant(record, message, parent), api_id=message.get("id"))
    if kind == "user" and isinstance(message, dict):
        content = message["content"]
        return _Entry(_message("user", content, record, parent, is_meta=_is_meta(record)))
    attachment = record.get("attachment")
    if kind == "attachment" and isinstance(attachment, dict):
        # What a person typed while the agent was at work is nowhere else.
        queued = attachment.get("prompt") if attachment.get("type") == "queued_command" else None
        if not isinstance(queued, str | list):
            return None
        by_machine = is_machinery({"message": {"content": queued}, "origin": attachment.get("origin")})
        return _Entry(_message("user", queued, record, parent, is_meta=by_machine))
    if isinstance(message, dict) and isinstance(message.get("content"), str | list):
        return _Entry(_message("system", message["content"], record, parent))
    content = record.get("content")
    if kind not in ("queue-operation", "summary") and isinstance(content, str) and isinstance(record.get("uuid"), str):
        return _Entry(_message("system", content, record, parent, is_meta=bool(record.get("isMeta"))))
    return None


def _assistant(record: Record, message: dict[str, Any], parent: str | None) -> TranscriptMessage:
    content = message["content"]
    made = _message("assistant", content, record, parent)
    made.model = message.get("model") if message.get("model") != SYNTHETIC_MODEL else None
    made.is_error = bool(record.get("isApiErrorMessage"))
    made.usage = _usage(message.get("usage"))
    return made


def _message(
    role: Literal["user", "assistant", "system"],
    content: list[Any] | str,
    record: Record,
    parent: str | None,
    *,
    is_meta: bool = False,
) -> TranscriptMessage:
    whole = [_block(block) for block in content if isinstance(block, dict)] if isinstance(content, list) else content
    return TranscriptMessage(role, role, whole, _time(record), str(record["uuid"]), parent, is_meta=is_meta)


def _join(message: TranscriptMessage, more: TranscriptMessage) -> None:
    """Add a further block of the same answer. Claude forks after an answer at its last block."""
    assert isinstance(message.content, list)
    assert isinstance(more.content, list)
    message.content.extend(more.content)
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
    return Usage(*(int(usage.get(name) or 0) for name in names))


def _sum(messages: list[TranscriptMessage]) -> Usage:
    return sum((message.usage for message in messages if message.usage is not None), Usage())


# --- the whole --------------------------------------------------------------------------------------------------------


def _describe(transcript: Transcript, records: list[Record], live: list[Record]) -> None:
    transcript.other.extend(record for record in records if "uuid" not in record)
    transcript.title = title_of(records)
    for record in live:
        transcript.cwd = transcript.cwd or record.get("cwd")
        transcript.session_id = record.get("sessionId") or transcript.session_id
        transcript.git_branch = record.get("gitBranch") or transcript.git_branch
        transcript.version = record.get("version") or transcript.version


def _cut_at_prompts(transcript: Transcript, entries: list[_Entry]) -> None:
    for entry in entries:
        message = entry.message
        if entry.prompt is not None:
            transcript.tasks.append(TranscriptTask(entry.prompt, message.timestamp, [message]))
        elif transcript.tasks:
            transcript.tasks[-1].messages.append(message)
        else:
            transcript.preamble.append(message)
        if message.model is not None and message.parent_tool_use_id is None:
            transcript.model = message.model
