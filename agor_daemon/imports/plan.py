"""What of a transcript is new to us, cut into batches that are stored one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice

from agor_core.agents.claude_code.entries import TranscriptMessage
from agor_core.agents.claude_code.transcript import Transcript, TranscriptTask
from agor_core.models import Task
from agor_daemon.imports.known import Known, Stored
from agor_daemon.imports.rows import task_row


@dataclass(frozen=True, slots=True)
class Part:
    """New messages of one task, or of none: `task_id` is None before the first prompt.

    `begins`: the task itself, if it is new. `goes_on`: the task as told now, if it is stored and has become longer;
    `ran_here`: whether it was an agent of ours that ran it. `grown`: messages that are stored in part.
    """

    task_id: str | None
    new: list[TranscriptMessage] = field(default_factory=list)
    grown: list[tuple[Stored, TranscriptMessage]] = field(default_factory=list)
    begins: Task | None = None
    goes_on: TranscriptTask | None = None
    ran_here: bool = False


def what_is_new(transcript: Transcript, known: Known) -> Iterator[Part]:
    """The parts of `transcript` that are not stored yet, in order."""
    preamble = [message for message in transcript.preamble if known.find(message) is None]
    if preamble:
        yield Part(None, preamble)
    for told in transcript.tasks:
        part = _part(told, known)
        if part is not None:
            yield part


def _part(told: TranscriptTask, known: Known) -> Part | None:
    stored = [(message, known.find(message), known.find_part(message)) for message in told.messages]
    places = [place for _, whole, partly in stored if (place := whole or partly) is not None]
    if not places:
        task = task_row(known.session_id, told)
        return Part(task.task_id, told.messages, begins=task)
    if not all(place.is_own for place in places):
        return None  # the history that a fork shares is its origin's, and told there
    ran_here = any(place.ran_here for place in places)
    task_id = next((place.task_id for place in places if place.task_id is not None), None)
    new = [m for m, whole, partly in stored if whole is None and partly is None and not (ran_here and was_left_out(m))]
    if ran_here and task_id != known.newest_task_id:
        new = []  # we heard all of it; what Claude noted of its end would stand behind what was said since
    grown = [(partly, m) for m, whole, partly in stored if whole is None and partly is not None]
    if not new and not grown:
        return None
    return Part(task_id, new, grown, goes_on=told, ran_here=ran_here)


def was_left_out(message: TranscriptMessage) -> bool:
    """Whether we left it out when we listened: notes of the CLI for itself, and prompts to helpers, as their calls
    hold them."""
    is_prompt_to_helper = message.role == "user" and message.parent_tool_use_id is not None
    return message.is_meta or (is_prompt_to_helper and isinstance(message.content, str))


def batches(parts: Iterable[Part], size: int) -> Iterator[list[Part]]:
    """The parts in lots of some `size` messages; a longer one is cut, its first piece begins the task."""
    batch: list[Part] = []
    count = 0
    for part in parts:
        messages = iter(part.new)
        piece = replace(part, new=list(islice(messages, max(1, size - count))))
        while True:
            batch.append(piece)
            count += len(piece.new) + 1
            if count < size:
                break
            yield batch
            batch, count = [], 0
            rest = list(islice(messages, size))
            if not rest:
                break
            piece = Part(part.task_id, rest)
    if batch:
        yield batch
