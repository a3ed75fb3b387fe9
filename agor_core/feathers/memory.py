"""MemoryService: records in a dictionary, with the whole contract of a Feathers adapter. The reference for others."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from agor_core.errors import BadRequest, MethodNotAllowed, NotFound
from agor_core.feathers.matching import FILTERS, check_query, matcher, select_fields, sort_records, to_integer
from agor_core.feathers.params import Params
from agor_core.feathers.wire import js_text

_DECIMAL = re.compile(r"0|-?[1-9][0-9]{0,17}", re.ASCII)
_FRACTION = re.compile(r"-?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,17}", re.ASCII)

Query = Mapping[str, Any]


class MemoryStore:
    """Records by id; several services may share one. Ids count up unless a record brings its own."""

    def __init__(self) -> None:
        self.records: dict[Any, dict[str, Any]] = {}
        self._ids: Iterator[int] = itertools.count(1)

    def new_id(self) -> int:
        """The next id that is free."""
        number = next(self._ids)
        while number in self.records:
            number = next(self._ids)
        return number

    def key(self, id: Any) -> Any:
        """The key under which `id` is stored, or None: a number is found by its decimal text and nothing like it."""
        if isinstance(id, bool) or not isinstance(id, str | int | float):
            return None
        if id in self.records:
            return id
        if isinstance(id, str):
            number = int(id) if _DECIMAL.fullmatch(id) else float(id) if _FRACTION.fullmatch(id) else None
            return number if number in self.records and js_text(number) == id else None
        text = js_text(id)
        return text if text in self.records else None


class MemoryService:
    """A service over records in memory.

    `id`: the field of the id. `multi`: True or those of create, patch, remove that take several records at once.
    `paginate`: `{"default": n, "max": n}`, either may be left out; None for plain lists. `coerce`: turns a query
    that came over REST, all text, into one with types.
    """

    def __init__(
        self,
        id: str = "id",
        *,
        multi: bool | Collection[str] = False,
        paginate: Mapping[str, int] | None = None,
        store: MemoryStore | None = None,
        coerce: Callable[[Query], dict[str, Any]] | None = None,
    ) -> None:
        self.id = id
        self.store = store or MemoryStore()
        self._multi = multi
        self._paginate = paginate
        self._coerce = coerce
        self.api_schemas = {"pages": paginate is not None, "multi": multi}

    async def find(self, params: Params) -> Any:
        """All that match: a list, or a page `{total, limit, skip, data}`."""
        query = self._query(params)
        found = sort_records(self._matching(query), query.get("$sort"))
        paginate = self._paginate if params.paginate is None else params.paginate
        limit, skip = self._window(query, paginate or None)
        page = found[skip:] if limit is None else found[skip : skip + limit]
        data = [self._out(record, query) for record in page]
        if not paginate:
            return data
        return {"total": len(found), "limit": limit, "skip": skip, "data": data}

    async def get(self, id: Any, params: Params) -> dict[str, Any]:
        """The record, if it also matches the query. Raises NotFound."""
        query = self._query(params)
        return self._out(self._one(id, query), query)

    async def create(self, data: Any, params: Params) -> Any:
        """Store one record, or several if `multi` says so; of the query only `$select` is looked at."""
        query = {key: part for key, part in params.query.items() if key == "$select"}
        if isinstance(data, list):
            self._need_multi("create")
            # All of them first: of a list that is refused nothing is stored.
            for item in data:
                self._check_new(item)
            return [self._out(self._add(item), query) for item in data]
        self._check_new(data)
        return self._out(self._add(data), query)

    async def update(self, id: Any, data: Any, params: Params) -> dict[str, Any]:
        """Replace a record; its id stays."""
        if id is None or isinstance(data, list):
            raise BadRequest("You can not replace multiple instances. Did you mean 'patch'?")
        query = self._query(params)
        old = self._one(id, query)
        self._check_record(data)
        return self._out(self._put(old[self.id], data), query)

    async def patch(self, id: Any, data: Any, params: Params) -> Any:
        """Change some fields of a record, or with id None of all that match."""
        query = self._query(params)
        if id is None:
            self._need_multi("patch")
            self._check_record(data)
            changed = [self._put(record[self.id], {**record, **data}) for record in self._matching(query)]
            return [self._out(record, query) for record in changed]
        old = self._one(id, query)
        self._check_record(data)
        return self._out(self._put(old[self.id], {**old, **data}), query)

    async def remove(self, id: Any, params: Params) -> Any:
        """Remove a record, or with id None all that match; gives what was removed."""
        query = self._query(params)
        if id is None:
            self._need_multi("remove")
            gone = self._matching(query)
        else:
            gone = [self._one(id, query)]
        for record in gone:
            del self.store.records[record[self.id]]
        removed = [self._out(record, query) for record in gone]
        return removed if id is None else removed[0]

    def _query(self, params: Params) -> Query:
        query: Query = params.query
        if self._coerce is not None and params.provider == "rest":
            query = self._coerce(query)
        check_query(query, FILTERS)
        return query

    def _matching(self, query: Query) -> list[dict[str, Any]]:
        matches = matcher(query)
        return [record for record in self.store.records.values() if matches(record)]

    def _one(self, id: Any, query: Query) -> dict[str, Any]:
        record = self.store.records.get(self.store.key(id))
        if record is None or not matcher(query)(record):
            raise NotFound(f"No record found for id '{js_text(id)}'")
        return record

    def _add(self, data: dict[str, Any]) -> dict[str, Any]:
        id = data.get(self.id)
        if id in (None, 0, ""):
            # JavaScript takes these for none; a record without a name in a path could not be reached over REST.
            id = self.store.new_id()
        elif isinstance(id, float) and id.is_integer():
            id = int(id)
        return self._put(id, data)

    def _put(self, id: Any, data: dict[str, Any]) -> dict[str, Any]:
        record: dict[str, Any] = copied(data)
        record[self.id] = id
        self.store.records[id] = record
        return record

    def _out(self, record: dict[str, Any], query: Query) -> dict[str, Any]:
        selected: dict[str, Any] = copied(select_fields(record, query.get("$select"), self.id))
        return selected

    def _window(self, query: Query, paginate: Mapping[str, int] | None) -> tuple[int | None, int]:
        skip = max(to_integer(query.get("$skip")) or 0, 0)
        limit = to_integer(query.get("$limit"))
        if limit is not None and limit < 0:
            limit = None
        if paginate:
            limit = paginate.get("default", 0) if limit is None else limit
            if paginate.get("max") is not None:
                limit = min(limit, paginate["max"])
        return limit, skip

    def _need_multi(self, method: str) -> None:
        allowed = self._multi if isinstance(self._multi, bool) else method in self._multi
        if not allowed:
            raise MethodNotAllowed(f"Can not {method} multiple entries")

    def _check_new(self, data: Any) -> None:
        self._check_record(data)
        if isinstance(data.get(self.id), bool | dict | list):
            raise BadRequest(f"'{self.id}' must be text or a number")

    def _check_record(self, data: Any) -> None:
        if not isinstance(data, dict):
            raise BadRequest("a record is a JSON object")


_CONTAINERS = (dict, list)


def copied(value: Any) -> Any:
    """A copy of a JSON value that shares nothing with it."""
    if isinstance(value, dict):
        return {key: copied(part) if isinstance(part, _CONTAINERS) else part for key, part in value.items()}
    if isinstance(value, list):
        return [copied(part) if isinstance(part, _CONTAINERS) else part for part in value]
    return value
