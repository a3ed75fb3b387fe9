"""What the services of stored entities have in common: reading, and who reads."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from agor_core.db import Database, Reader, Transaction, told_to
from agor_core.errors import BadRequest, Forbidden, MethodNotAllowed
from agor_core.feathers import Params
from agor_core.ids import DISPLAY_LENGTH, is_id
from agor_core.models import ENTITIES, Session
from agor_core.models.schema import load_patch
from agor_core.models.wire import to_wire
from agor_daemon.access import Rule, may_hear, role_may, sees_private
from agor_daemon.services.copies import old_copies_told

Record = dict[str, Any]

_VERSION = re.compile(r"[0-9]{1,18}", re.ASCII)

BYPASS = "bypassPermissions"
"""The permission mode in which an agent asks nobody."""


@dataclass(frozen=True, slots=True)
class PageSize:
    """How many records a page has when nobody asks, and at most."""

    default: int
    most: int


def reader_of(params: Params) -> Reader | None:
    """Who reads; None for calls from inside, which see all."""
    if params.user is None:
        return None
    return Reader(params.user["user_id"], sees_private(params.user))


def user_id_of(params: Params) -> str | None:
    """Whom to name as the creator of what this call makes."""
    return params.user["user_id"] if params.user is not None else None


def is_trusted(params: Params) -> bool:
    """Whether the caller may touch the daemon's own disk, and let agents work unasked."""
    return params.user is None or role_may(params.user, Rule.TRUSTED)


def may_touch_disk(params: Params, what: str) -> None:
    """Raises Forbidden, saying `what` was refused, for who may not touch the daemon's own disk."""
    if params.user is not None and not is_trusted(params):
        raise Forbidden(f"with the role {params.user['role']} you may not {what}")


def may_bypass(params: Params, mode: str | None) -> None:
    """Raises Forbidden for who may not let an agent work in permission mode `mode`."""
    if mode == BYPASS:
        may_touch_disk(params, f"use `{BYPASS}`")


def known_of(params: Params, sessions: Iterable[Session]) -> list[str]:
    """The ids of those of `sessions` that exist for the caller."""
    return [
        one.session_id
        for one in sessions
        if params.user is None
        or may_hear(params.user, "sessions", {"created_by": one.created_by, "sharing": one.sharing})
    ]


class StoredService:
    """Reading one kind of entity as the database has it, and changing what clients may change of it.

    `patchable`: the fields that clients may change.
    """

    def __init__(self, database: Database, entity: type[Any], page: PageSize, patchable: Sequence[str] = ()) -> None:
        self._database = database
        self._entity = entity
        self._path = next(path for path, known in ENTITIES.items() if known is entity)
        self._page = page
        self.patchable = tuple(patchable)

    async def find(self, params: Params) -> Record:
        """A page: `{total, limit, skip, data}`."""
        reader, query, page = reader_of(params), params.query, self._page

        def unit_of_work(tx: Transaction) -> Record:
            repository = tx.repository(self._path)
            found = repository.page(query, reader, page.default, page.most)
            if params.provider:
                repository.add_short_ids(found["data"])
            return found

        return await self._database.read(unit_of_work)

    async def get(self, id: str, params: Params) -> Record:
        """The record, with what is computed from others; short ids and slugs name it too. Raises NotFound."""
        reader, query = reader_of(params), params.query

        def unit_of_work(tx: Transaction) -> Record:
            repository = tx.repository(self._path)
            full_id = repository.resolve(id, reader) if isinstance(id, str) and not is_id(id) else id
            record = repository.record(full_id, reader, query)
            if params.provider:
                repository.add_short_ids([record])
            return record

        return await self._database.read(unit_of_work)

    async def change(
        self,
        id: str,
        data: Any,
        params: Params,
        check: Callable[[Transaction, Any, Record], None] | None = None,
        besides: Record | None = None,
    ) -> Record:
        """A client's patch: writable fields only, checked against `version` or `If-Match` where the caller sent one.

        Raises Conflict for an old copy of the record that is sent back, even without a version.
        `check(tx, current, changes)` may refuse what the schema cannot know; `changes` are those that are any.
        `besides`: what `get` tells of the record beside what the database has.
        """
        sent = one_record(data)
        # Only sessions have versions; to a header of others nothing can be compared.
        expected = expected_version(sent, params) if self._path == "sessions" else None
        reader = reader_of(params)

        def unit_of_work(tx: Transaction) -> Record:
            repository = tx.repository(self._path)
            current = self.matching(tx, id, params)
            if isinstance(current, Session):
                # First: in a record that is sent back whole and is stale, more than the version has changed.
                tx.sessions.check_version(current, expected)
            has_more = any(name not in self.patchable for name in sent)
            shown = self.shown(tx, current, reader, sent, besides) if has_more else ()
            with old_copies_told(self._path, current, shown, sent):
                loaded = load_patch(self._entity, sent, self.patchable, shown)
            changes = changed(to_wire(current), sent, loaded)
            if check is not None:
                check(tx, current, changes)
            record = to_wire(repository.change(current, changes, "patched", client=True))
            if params.provider:
                repository.add_short_ids([record])
            return record

        return await self._database.write(unit_of_work)

    def matching(self, tx: Transaction, id: str, params: Params, besides: Sequence[str] = ()) -> Any:
        """The entity that the caller wants to change, if it matches the query; in a write it does until that ends.

        As with every adapter of Feathers, a query beside a change is a condition. `besides`: parameters of the method's
        own, which are no part of it. Raises NotFound if the record does not match, BadRequest for a query that is none.
        """
        repository = tx.repository(self._path)
        current = repository.get(id)
        condition = {name: value for name, value in params.query.items() if name not in besides}
        if params.provider and condition:
            repository.record(id, reader_of(params), condition)
        return current

    def removed(self, tx: Transaction, id: str, params: Params) -> Record:
        """What was removed, which matched the query. Raises like `matching`."""
        self.matching(tx, id, params)
        return to_wire(tx.repository(self._path).remove(id))

    def shown(
        self, tx: Transaction, current: Any, reader: Reader | None, sent: Record, besides: Record | None = None
    ) -> Sequence[Record]:
        """The record as this reader has it from a list or an event, and as from `get`: without what is withheld."""
        record = to_wire(current)
        id = record[tx.repository(self._path).id_field]
        whole = {**tx.repository(self._path).record(id, reader), **(besides or {})}
        # The one that was sent, since an id may have had several: they become shorter with age.
        short_id, digits = sent.get("short_id"), id.replace("-", "")
        is_own = isinstance(short_id, str) and len(short_id) >= DISPLAY_LENGTH and digits.startswith(short_id)
        whole["short_id"] = short_id if is_own else digits
        return (*(told_to(tx, [record], reader) if isinstance(current, Session) else [record]), whole)


def changed(record: Record, sent: Record, loaded: Record) -> Record:
    """What of the `loaded` values is not as the `record` has it already; compared as they were `sent`."""
    unchanged = {name for name in sent if name in record and sent[name] == record[name]}
    return {name: value for name, value in loaded.items() if name not in unchanged}


def expected_version(sent: Record, params: Params) -> int | None:
    """The version a caller believes to change: `version` in the data, else the header `If-Match`; None: whichever.

    Raises BadRequest for a header that can be no version: whoever sends one does not want to change just anything.
    """
    version = sent.get("version")
    if isinstance(version, int) and not isinstance(version, bool):
        return int(sent.pop("version"))
    header = params.headers.get("if-match", "*").strip()
    text = header.removeprefix("W/").strip('"')
    if text == "*":
        return None
    if not _VERSION.fullmatch(text):
        raise BadRequest(f"If-Match must be a version, or *; not {header[:100]!r}")
    return int(text)


def one(id: str | None, verb: str) -> str:
    """The id of a call that changes a record; changing all that match a query is not offered."""
    if id is None:
        raise MethodNotAllowed(f"Can not {verb} multiple entries")
    return id


def one_record(data: Any) -> Record:
    """The data of a call that takes one record; a list is not offered."""
    if isinstance(data, list):
        raise MethodNotAllowed("Can not create multiple entries")
    if not isinstance(data, dict):
        raise BadRequest("the data must be an object")
    return data


def set_fields(entity: Any, fields: Record) -> None:
    """Set fields by their names on the wire, wherever they are kept: in a column or in `data`."""
    for name, value in fields.items():
        setattr(entity if name in type(entity).model_fields else entity.data, name, value)
