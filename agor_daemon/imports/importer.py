"""Transcripts of Claude Code as sessions: read from the daemon's disk, stored in pieces, never stored twice."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from agor_core.agents.claude_code.transcript import (
    Transcript,
    TranscriptFile,
    find_transcript,
    list_transcripts,
    read_transcript,
)
from agor_core.db import Database, Transaction
from agor_core.errors import BadRequest, NotFound
from agor_core.models import GitState, RepoRef, Session, forked
from agor_core.models.session import TITLE_LENGTH
from agor_core.models.task import summary
from agor_daemon.imports.branching import find_branching
from agor_daemon.imports.known import Known, known_conversation, known_of
from agor_daemon.imports.plan import Part, batches, what_is_new
from agor_daemon.imports.store import Added, note_cost, refuse_running, store_batch
from agor_daemon.services.placement import folder_at, place_in_folder
from agor_daemon.services.requests import ImportRequest

AGENT = "claude-code"
# Interactive writes get in between two batches.
BATCH = 1000
# A file that is no transcript at all has a bad line in every line.
MOST_SKIPPED_TOLD = 1000


class Importer:
    """Loads one transcript at a time. `environment`: gives that in which the agent would run, and keeps its files."""

    def __init__(self, database: Database, environment: Callable[[str], Mapping[str, str]]) -> None:
        self._database = database
        self._environment = environment
        self._one_at_a_time = asyncio.Lock()

    async def on_disk(self, since_ms: int | None) -> list[TranscriptFile]:
        """The conversations on this machine that changed since, the newest first."""
        return await asyncio.to_thread(list_transcripts, self._environment(AGENT), since_ms)

    async def load(self, request: ImportRequest, user_id: str | None) -> dict[str, Any]:
        """The session, with `imported: {outcome, messages, tasks, skipped}`; `outcome`: `new`, `added`, `unchanged`.

        Raises BadRequest, NotFound, or Conflict if the session runs now.
        """
        path = await asyncio.to_thread(self._path_of, request)
        async with self._one_at_a_time:
            transcript = await _read(path)
            known = await self._database.read(lambda tx: known_conversation(tx, AGENT, transcript.session_id))
            outcome = "new" if known is None else "unchanged"
            if known is None:
                known = await self._begin(transcript, request, user_id)
            refuse_running(known.session_id, known.status)
            added = await self._store(transcript, known)
        session_id = known.session_id
        if added.messages and outcome == "unchanged":
            outcome = "added"
        if outcome != "unchanged":  # counters change silently; now that all is there, every screen is told
            await self._database.write(lambda tx: tx.sessions.patch(session_id, {}))
        record = await self._database.read(lambda tx: _record(tx, session_id))
        told = {"outcome": outcome, "messages": added.messages, "tasks": added.tasks, "skipped": _skipped(transcript)}
        return {**record, "imported": told}

    def _path_of(self, request: ImportRequest) -> Path:
        if (request.path is None) == (request.uuid is None):
            raise BadRequest("name either the `path` of a transcript or the `uuid` of a conversation")
        if request.uuid is not None:
            return find_transcript(request.uuid, self._environment(AGENT))
        path = Path(str(request.path))
        with suppress(RuntimeError):  # of somebody who has no home: it stays as typed, and is not absolute
            path = path.expanduser()
        if not path.is_absolute():
            raise BadRequest("`path` must be absolute", errors={"path": ["must be an absolute path"]})
        if not path.is_file():
            raise NotFound(f"no file {path}", path=str(path))
        return path

    async def _begin(self, transcript: Transcript, request: ImportRequest, user_id: str | None) -> Known:
        cwd = transcript.cwd
        is_there = cwd is not None and await asyncio.to_thread(os.path.isdir, cwd)
        folder = await folder_at(cwd) if cwd is not None and is_there else None

        def unit_of_work(tx: Transaction) -> Known:
            branching = find_branching(tx, transcript)
            if branching is not None:
                session = forked(branching.parent, point=branching.point, created_by=user_id)
                # Claude counts what was spent before a fork as the fork's, too.
                session.data.agent_cost_usd = branching.parent.data.agent_cost_usd
            else:
                session = Session(agent=AGENT, created_by=user_id)
            session.status, session.worktree_id = "completed", None
            session.board_id = request.board_id or session.board_id or tx.boards.default_id()
            session.created_at = _began_at(transcript)
            session.data.title = (transcript.title or _first_words(transcript))[:TITLE_LENGTH]
            session.data.agent_session_id = transcript.session_id
            session.data.agent_version = transcript.version
            if folder is not None:
                place_in_folder(tx, session, folder)
            else:
                session.data.repo = RepoRef(cwd=cwd) if cwd else None
                session.data.git_state = GitState(ref=transcript.git_branch) if transcript.git_branch else None
            return known_of(tx, tx.sessions.add(session))

        return await self._database.write(unit_of_work)

    async def _store(self, transcript: Transcript, known: Known) -> Added:
        session_id, added = known.session_id, Added()
        parts = await asyncio.to_thread(lambda: list(what_is_new(transcript, known)))
        for batch in batches(parts, BATCH):
            added += await self._write(session_id, batch)
        cost_usd = transcript.cost_usd
        if added.messages and cost_usd is not None:
            await self._database.write(lambda tx: note_cost(tx, session_id, cost_usd))
        return added

    async def _write(self, session_id: str, batch: list[Part]) -> Added:
        return await self._database.write(lambda tx: store_batch(tx, session_id, batch))


def _record(tx: Transaction, session_id: str) -> dict[str, Any]:
    record = tx.sessions.record(session_id)
    tx.sessions.add_short_ids([record])
    return record


async def _read(path: Path) -> Transcript:
    try:
        transcript = await asyncio.to_thread(read_transcript, path)
    except OSError as error:
        raise BadRequest(f"{path} cannot be read: {error.strerror}", path=str(path)) from error
    if not transcript.tasks and not transcript.preamble:
        raise BadRequest(
            "this transcript holds no conversation", reason="no-conversation", skipped=_skipped(transcript)
        )
    return transcript


def _began_at(transcript: Transcript) -> int:
    """When the first thing was said, ms since 1970; 0 where nothing has a time."""
    return next((message.timestamp for message in transcript.messages if message.timestamp), 0)


def _first_words(transcript: Transcript) -> str:
    return summary(transcript.tasks[0].prompt) if transcript.tasks else "Imported conversation"


def _skipped(transcript: Transcript) -> list[dict[str, Any]]:
    told = [{"line": line, "why": why} for line, why in transcript.skipped[:MOST_SKIPPED_TOLD]]
    if (more := len(transcript.skipped) - len(told)) > 0:
        told.append({"line": None, "why": f"{more} more lines could not be read"})
    return told
