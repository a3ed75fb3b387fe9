"""What travels: strict JSON in and out, and errors as the JSON that Feathers clients turn into exceptions again."""

from __future__ import annotations

import json
import logging
import math
import secrets
from typing import Any

import orjson

from agor_core.errors import BadRequest, GeneralError, ServiceError

MAX_DEPTH = 200
"""Levels of nesting in data and queries: far more than a record has, far fewer than Python's stack."""

_LISTS = (list, tuple)
_CONTAINERS = (dict, list, tuple)

logger = logging.getLogger(__name__)


class InvalidJson(BadRequest):
    """400: no JSON at all, as opposed to JSON that asks too much."""


def loads(text: str | bytes | bytearray, *, broken_text: bool = False) -> Any:
    """The value of a JSON text. Raises BadRequest, InvalidJson if it is none.

    Refused are numbers beyond a double, nesting over `MAX_DEPTH`, and, unless `broken_text`, text with half of a
    surrogate pair, which no database and no log could take. NaN is no JSON.
    """
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        value = _loads_again(text, error, broken_text)
    if len(text) > MAX_DEPTH and _bound(text) > MAX_DEPTH and not _is_shallow(value):
        raise BadRequest(f"JSON is nested deeper than {MAX_DEPTH} levels")
    return value


def dumps(value: Any) -> bytes:
    """JSON for a value of JSON types; NaN and the infinities are null, as `JSON.stringify` writes them.

    Raises TypeError for anything else.
    """
    try:
        return orjson.dumps(value)
    except TypeError:
        # Integers beyond 64 bits, half surrogate pairs: rare, valid, and only the standard library writes them.
        return json.dumps(_without_nan(value), allow_nan=False, separators=(",", ":")).encode()


def service_error(error: BaseException, *, expose: bool = False) -> ServiceError:
    """`error` as clients may see it: itself, or a GeneralError with a reference to the log.

    With `expose` the GeneralError keeps the message, as Feathers does; never the traceback.
    """
    if isinstance(error, ServiceError):
        return error
    reference = secrets.token_hex(6)
    logger.error("unexpected %s, reference %s", type(error).__name__, reference, exc_info=error)
    if expose:
        return GeneralError(str(error))
    return GeneralError(f"something went wrong; the log has it as {reference}", reference=reference)


def error_json(error: ServiceError) -> dict[str, Any]:
    """The object a client gets: name, message, code, className, and data and errors where there are any."""
    out: dict[str, Any] = {
        "name": error.name,
        "message": error.message,
        "code": error.code,
        "className": error.class_name,
    }
    if error.data is not None:
        out["data"] = error.data
    if error.errors is not None:
        out["errors"] = error.errors
    return out


def js_text(value: Any) -> str:
    """`value` as JavaScript would put it into a message."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    if isinstance(value, dict):
        return "[object Object]"
    if isinstance(value, list):
        return ",".join("" if part is None else js_text(part) for part in value)
    return str(value)


def _loads_again(text: str | bytes | bytearray, error: orjson.JSONDecodeError, broken_text: bool) -> Any:
    problem = error.msg.partition(":")[0]
    if "depth" in problem:
        raise BadRequest(f"JSON is nested deeper than {MAX_DEPTH} levels") from error
    if "infinity" in problem or ("surrogate" in problem and not broken_text):
        raise BadRequest(f"refused JSON: {problem}") from error
    if "surrogate" not in problem:
        raise InvalidJson(f"invalid JSON: {problem}") from error
    if _bound(text) > MAX_DEPTH * 2:
        raise BadRequest(f"JSON is nested deeper than {MAX_DEPTH} levels") from error
    try:
        return json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except (ValueError, RecursionError) as again:
        raise InvalidJson("invalid JSON") from again


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is beyond a double")
    return number


def _bound(text: str | bytes | bytearray) -> int:
    """At most so many levels are in `text`; counting is much faster than walking."""
    if isinstance(text, str):
        return text.count("[") + text.count("{")
    return text.count(b"[") + text.count(b"{")


def _is_shallow(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [
            part
            for node in level
            if isinstance(node, dict | list)
            for part in (node.values() if isinstance(node, dict) else node)
        ]
        if not level:
            return True
    return False


def _without_nan(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _without_nan(part) for key, part in value.items()}
    return [_without_nan(part) for part in value] if isinstance(value, list | tuple) else value
