"""Reads a Claude Code transcript into tasks and messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agor_core.agents.claude_code.entries import Entry, TranscriptMessage, entries_of, record_id
from agor_core.agents.claude_code.home import config_dir
from agor_core.agents.claude_code.ledger import cost_of
from agor_core.agents.claude_code.records import Record, is_bookkeeping, live_records, read_records
from agor_core.agents.claude_code.subagents import file_helpers, inline_helpers
from agor_core.agents.claude_code.titles import title_elsewhere, title_of
from agor_core.agents.protocol import Usage
from agor_core.errors import NotFound
from agor_core.ids import is_id


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

    @property
    def model(self) -> str | None:
        """The model that answered last, sub-agents' left out."""
        return next((m.model for m in reversed(self.messages) if m.model and m.parent_tool_use_id is None), None)


@dataclass(slots=True)
class Transcript:
    """A conversation as its file tells it.

    `preamble`: what came before the first prompt. `other`: records that are bookkeeping, as they are.
    `skipped`: `(line number, why)` of lines that could not be read. `title` is None where Claude gave none.
    `cost_usd`: what all of it cost; None where the file does not say (before 2.1).
    """

    session_id: str
    cwd: str | None = None
    git_branch: str | None = None
    title: str | None = None
    version: str | None = None
    model: str | None = None
    cost_usd: float | None = None
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
    told = _with_unlinked(file.records, live)
    transcript.other.extend(record for record in file.records if "uuid" not in record and is_bookkeeping(record))
    _cut_at_prompts(transcript, entries_of(told, helpers, transcript.other))
    return transcript


def find_transcript(session_id: str, environ: Mapping[str, str]) -> Path:
    """The transcript of Claude's session `session_id`, whatever directory it was about. Raises NotFound."""
    if is_id(session_id.lower()):
        for path in (config_dir(environ) / "projects").glob(f"*/{session_id.lower()}.jsonl"):
            return path
    raise NotFound(f"Claude Code has no conversation {session_id} on this machine", id=session_id)


@dataclass(frozen=True, slots=True)
class TranscriptFile:
    """A conversation on this machine. `changed_at`: ms since 1970."""

    path: Path
    changed_at: int
    size_bytes: int


def list_transcripts(environ: Mapping[str, str], since_ms: int | None = None) -> list[TranscriptFile]:
    """All conversations on this machine that changed since `since_ms`, the newest first."""
    found: list[TranscriptFile] = []
    for path in (config_dir(environ) / "projects").glob("*/*.jsonl"):
        # `agent-<id>.jsonl` in this place is a sub-agent of some conversation, as an older generation kept them.
        if not is_id(path.stem):
            continue
        try:
            facts = path.stat()
        except OSError:  # removed meanwhile, or a link that leads nowhere
            continue
        file = TranscriptFile(path, round(facts.st_mtime * 1000), facts.st_size)
        if since_ms is None or file.changed_at >= since_ms:
            found.append(file)
    return sorted(found, key=lambda file: (file.changed_at, file.path.name), reverse=True)


# --- the whole --------------------------------------------------------------------------------------------------------


def _with_unlinked(records: list[Record], live: list[Record]) -> list[Record]:
    """The live branch, and in their places the records that no branch links, but that are no bookkeeping either."""
    linked = {id(record) for record in live}
    seen: set[str] = set()
    told: list[Record] = []
    for record in records:
        if id(record) in linked:
            told.append(record)
        elif "uuid" not in record and not is_bookkeeping(record) and (digest := record_id(record)) not in seen:
            seen.add(digest)
            told.append(record)
    return told


def _describe(transcript: Transcript, records: list[Record], live: list[Record]) -> None:
    transcript.title = title_of(records)
    transcript.cost_usd = cost_of(records)
    if live:
        transcript.cwd = _first_text(live, "cwd")
        transcript.session_id = _first_text(reversed(live), "sessionId") or transcript.session_id
        transcript.git_branch = _first_text(reversed(live), "gitBranch")
        transcript.version = _first_text(reversed(live), "version")


def _first_text(records: Iterable[Record], name: str) -> str | None:
    values: Iterable[Any] = (record.get(name) for record in records)
    return next((value for value in values if value and isinstance(value, str)), None)


def _cut_at_prompts(transcript: Transcript, entries: list[Entry]) -> None:
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


def _sum(messages: list[TranscriptMessage]) -> Usage:
    return sum((message.usage for message in messages if message.usage is not None), Usage())
