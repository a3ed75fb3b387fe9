"""Conversations that Claude Code had on this machine, and that can be imported."""

from __future__ import annotations

from typing import Any

from agor_core.clock import iso, parse_iso
from agor_core.errors import BadRequest
from agor_core.feathers import Params
from agor_daemon.imports import Importer


class TranscriptsService:
    """The service `transcripts`: `find` only; the disk is looked at at each call."""

    def __init__(self, importer: Importer) -> None:
        self._importer = importer

    async def find(self, params: Params) -> list[dict[str, Any]]:
        """`[{uuid, path, size_bytes, changed_at}]`, the newest first; with `since` those that changed since then.

        Raises BadRequest for a time that cannot be read.
        """
        query = dict(params.query)
        since = query.pop("since", None)
        if query:
            raise BadRequest(f"`transcripts` knows no {next(iter(query))!r}; there is `since`")
        return [
            {
                "uuid": file.path.stem,
                "path": str(file.path),
                "size_bytes": file.size_bytes,
                "changed_at": iso(file.changed_at),
            }
            for file in await self._importer.on_disk(_time(since) if since is not None else None)
        ]


def _time(text: Any) -> int:
    try:
        return parse_iso(str(text))
    except ValueError as error:
        raise BadRequest(f"`since` must be a time such as 2026-11-25T10:00:00Z, not {text!r}") from error
