"""What a conversation is called: by its user, by the model, or by a summary that 2.0 wrote into a later file."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import orjson

from agor_core.agents.claude_code.records import Record

# Summaries stand at the head of a file, before the conversation they do not belong to.
MOST_SUMMARIES = 200


def title_of(records: list[Record]) -> str | None:
    """The title that the conversation's own file gives, the last one of the best kind."""
    known = {record.get("uuid") for record in records}
    found: dict[str, str] = {}
    for record in records:
        kind = str(record.get("type"))
        if kind == "summary" and record.get("leafUuid") in known:
            found[kind] = str(record.get("summary"))
        elif kind == "custom-title":
            found[kind] = str(record.get("customTitle"))
        elif kind == "ai-title":
            found[kind] = str(record.get("aiTitle"))
    return next((found[kind] for kind in ("custom-title", "ai-title", "summary") if kind in found), None)


def title_elsewhere(transcript: Path, uuids: set[str]) -> str | None:
    """The summary of this conversation, whose records are `uuids`, in a file beside it."""
    folder = transcript.parent
    summaries = _summaries(folder, folder.stat().st_mtime_ns)
    return next((summary for leaf, summary in summaries.items() if leaf in uuids), None)


@lru_cache(maxsize=64)
def _summaries(folder: Path, _changed_ns: int) -> dict[str, str]:
    """All summaries at the heads of the folder's transcripts by the leaf they are of. Kept while no file is added."""
    found: dict[str, str] = {}
    for path in folder.glob("*.jsonl"):
        with path.open("rb") as lines:
            for line, _ in zip(lines, range(MOST_SUMMARIES), strict=False):
                try:
                    record = orjson.loads(line)
                except orjson.JSONDecodeError:
                    break
                if not isinstance(record, dict) or record.get("type") != "summary":
                    break
                found[str(record.get("leafUuid"))] = str(record.get("summary"))
    return found
