"""Records that clients send back: one that was read some time ago is old, and no attempt to write what is read-only."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

from agor_core.clock import parse_iso
from agor_core.errors import BadRequest, Conflict
from agor_core.models.columns import Entity
from agor_core.models.schema import READ_ONLY
from agor_core.models.wire import COMPUTED, FROM_GIT

Record = dict[str, Any]

# Counters and the like, which change without an event: `last_updated` does not tell how old they are.
_SILENT: Final[Mapping[str, frozenset[str]]] = {
    "sessions": frozenset(
        ("message_count", "tool_use_count", "usage", "context", "git_state", "agent_session_id", "agent_version")
    ),
    "tasks": frozenset(("message_range", "tool_use_count", "usage")),
}
# Beside ids, what a record is from its first moment on.
_FROM_THE_FIRST: Final = frozenset(("created_at", "created_by", "agent", "index", "type"))


@contextmanager
def old_copies_told(path: str, current: Entity, shown: Sequence[Record], sent: Record) -> Iterator[None]:
    """Around the check of what a client sent of a record that is `shown` so: raises Conflict for an old copy of it.

    It is one if its `last_updated` says so and nothing is wrong with it but read-only fields that may once have been
    right; else the BadRequest stands. The answer has the first of `shown`, the record as it is.
    """
    try:
        yield
    except BadRequest as error:
        wrong = error.errors if isinstance(error.errors, Mapping) else {}
        is_read_only = bool(wrong) and all(texts == [READ_ONLY] for texts in wrong.values())
        if not is_read_only or not _is_old(path, current, shown, sent, wrong.keys()):
            raise
        raise Conflict(
            "the record was changed since this copy of it was read; read it again, and send only what is to change",
            reason="stale-record",
            current=shown[0],
        ) from error


def _is_old(path: str, current: Entity, shown: Sequence[Record], sent: Record, wrong: Collection[str]) -> bool:
    seen = _moment(sent.get("last_updated"))
    if seen is None:
        return False
    if seen == current.last_updated:
        return all(_changes_silently(path, name, shown, sent) for name in wrong)
    return current.created_at <= seen < current.last_updated and not _constants(type(current)) & set(wrong)


def _changes_silently(path: str, name: str, shown: Sequence[Record], sent: Record) -> bool:
    if name == "genealogy":
        without = [{**one[name], "children": []} for one in (sent, *shown) if isinstance(one.get(name), dict)]
        return len(without) > 1 and without[0] in without[1:]
    return name in _SILENT.get(path, ()) or name == COMPUTED.get(path) or name in FROM_GIT.get(path, ())


@cache
def _constants(cls: type[Entity]) -> frozenset[str]:
    """What no record of this kind has ever had otherwise."""
    table: Any = cls.__table__  # type: ignore[attr-defined]
    owners = {column.name for column in table.columns if column.foreign_keys and not column.nullable}
    return _FROM_THE_FIRST | owners | {column.name for column in table.primary_key.columns} | {"short_id"}


def _moment(text: Any) -> int | None:
    """A time on the wire, in milliseconds; None if that is none."""
    try:
        return parse_iso(text) if isinstance(text, str) else None
    except ValueError:
        return None
