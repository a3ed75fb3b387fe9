"""What travels: queries as Feathers' REST client writes them, and errors rebuilt as the classes they were."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from agor_core.errors import ERRORS, BadRequest, GeneralError, ServiceError

_BY_CODE = {error.code: error for error in ERRORS.values()}


def query_string(query: Mapping[str, Any] | None) -> str:
    """`query` as a query string, with its `?`; nothing for an empty one.

    Nesting is written in brackets, lists with indices: `{"a": {"$in": [1]}}` is `a[$in][0]=1`.
    """
    pairs = [pair for key, value in (query or {}).items() for pair in _pairs(key, value)]
    return f"?{urlencode(pairs)}" if pairs else ""


def segment(id: str) -> str:
    """`id` as one segment of a path. Raises BadRequest for an empty one, which would address the whole collection."""
    if not isinstance(id, str) or not id.strip():
        raise BadRequest("an id is missing")
    return quote(id, safe="")


def error_from(body: Any, status: int = 500) -> ServiceError:
    """The error in an answer, as the class it was on the server; `status` decides where the body is not ours."""
    if not isinstance(body, Mapping) or "message" not in body:
        return _BY_CODE.get(status, GeneralError)(f"the daemon answered {status} without saying why")
    kind = ERRORS.get(str(body.get("name")), _BY_CODE.get(status, GeneralError))
    data = body.get("data")
    if data is not None and not isinstance(data, (dict, list)):
        data = {"data": data}
    return kind(str(body["message"]), data=data, errors=body.get("errors"))


def decoded(payload: bytes) -> Any:
    """The JSON in an answer; None for an empty one. Raises ValueError."""
    return json.loads(payload) if payload else None


def _pairs(key: str, value: Any) -> Iterator[tuple[str, str]]:
    match value:
        case Mapping():
            for name, one in value.items():
                yield from _pairs(f"{key}[{name}]", one)
        case list() | tuple():
            for index, one in enumerate(value):
                yield from _pairs(f"{key}[{index}]", one)
        case bool():
            yield key, "true" if value else "false"
        case None:
            yield key, "null"
        case _:
            yield key, str(value)
