"""What travels: strict JSON in and out, and errors as the JSON that Feathers clients turn into exceptions again."""

from __future__ import annotations

import gc
import json
import logging
import math
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import orjson

from agor_core.errors import BadRequest, GeneralError, ServiceError

MAX_DEPTH = 200
"""Levels of nesting in data and queries: far more than a record has, far fewer than Python's stack."""

MOST_CONTAINERS = 500_000
"""Lists and objects in one text, all in all. A megabyte, which is what Feathers takes, cannot hold more."""

# What is no longer than that cannot be too deep, each level being opened and closed.
FEW_BYTES = 2 * MAX_DEPTH
# Most records open no more lists and objects than that, which is found out faster than how many they are.
FEW_BRACKETS = 16
# From so much on, looking for garbage meanwhile takes longer than reading; none is made.
MUCH_BYTES = 64 * 1024
# So much is looked at before it is asked whether that is enough.
STEP_BYTES = 256 * 1024

logger = logging.getLogger(__name__)


class InvalidJson(BadRequest):
    """400: no JSON at all, as opposed to JSON that asks too much."""


def loads(text: str | bytes | bytearray, *, broken_text: bool = False, most_containers: int = MOST_CONTAINERS) -> Any:
    """The value of a JSON text. Raises BadRequest, InvalidJson if it is none.

    Refused are numbers beyond a double, nesting over `MAX_DEPTH`, more than `most_containers` lists and objects, and,
    unless `broken_text`, text with half of a surrogate pair, which no database and no log could take. NaN is no JSON.
    """
    if len(text) > FEW_BYTES:
        return _loads_much(text, broken_text, most_containers)
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return _loads_again(text, error, broken_text)


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


def _loads_much(text: str | bytes | bytearray, broken_text: bool, most_containers: int) -> Any:
    # At most so many: those in its strings are none. Counting is much faster than reading.
    most = 0 if most_containers >= FEW_BRACKETS and _has_few_brackets(text) else _brackets(text)
    if most > most_containers and _has_more(text, most_containers):
        raise BadRequest(f"JSON has more than {most_containers} lists and objects")
    try:
        if len(text) < MUCH_BYTES:
            value = orjson.loads(text)
        else:
            with _without_collecting():
                value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        value = _loads_again(text, error, broken_text)
    if most > MAX_DEPTH and not _is_shallow(value):
        raise BadRequest(f"JSON is nested deeper than {MAX_DEPTH} levels")
    return value


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Nothing is looked for garbage meanwhile.

    Threads that do this at the same time may end it early for one another, never leave it so: each turns on what it
    has found on.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _loads_again(text: str | bytes | bytearray, error: orjson.JSONDecodeError, broken_text: bool) -> Any:
    problem = error.msg.partition(":")[0]
    if "depth" in problem:
        raise BadRequest(f"JSON is nested deeper than {MAX_DEPTH} levels") from error
    if "infinity" in problem or ("surrogate" in problem and not broken_text):
        raise BadRequest(f"refused JSON: {problem}") from error
    if "surrogate" not in problem:
        raise InvalidJson(f"invalid JSON: {problem}") from error
    if _brackets(text) > MAX_DEPTH * 2:
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


def _brackets(text: str | bytes | bytearray) -> int:
    if isinstance(text, str):
        return text.count("[") + text.count("{")
    return text.count(b"[") + text.count(b"{")


def _has_few_brackets(text: str | bytes | bytearray) -> bool:
    found = 0
    for bracket in "[{" if isinstance(text, str) else b"[{":
        at = text.find(bracket)  # type: ignore[arg-type]  # text in text, a byte in bytes
        while at >= 0:
            found += 1
            if found > FEW_BRACKETS:
                return False
            at = text.find(bracket, at + 1)  # type: ignore[arg-type]
    return True


def _has_more(text: str | bytes | bytearray, most: int) -> bool:
    """Whether more than so many brackets open outside the strings of a JSON text."""
    raw = text.encode("utf-8", "replace") if isinstance(text, str) else text
    # What is left of quotes when the escaped ones have gone begins a string, or ends it.
    raw = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    found = is_inside = 0
    for start in range(0, len(raw), STEP_BYTES):
        pieces = raw[start : start + STEP_BYTES].split(b'"')
        found += _brackets(b"".join(pieces[is_inside::2]))
        if found > most:
            return True
        is_inside = (is_inside + len(pieces) - 1) % 2
    return False


def _is_shallow(value: Any) -> bool:
    """Whether no part of a value lies deeper than `MAX_DEPTH`."""
    spare = _spare_levels()
    if spare is None:
        return _walks(value)
    deeper = value
    for _ in range(spare):
        deeper = [deeper]
    try:
        orjson.dumps(deeper)
    except TypeError as error:
        # Text with half of a surrogate pair is another thing that it does not write.
        return "ecursion" not in str(error) and _walks(value)
    return True


@cache
def _spare_levels() -> int | None:
    """How many more levels than ours orjson writes, whose number it does not promise; None for less, or any number.

    To have it write them takes a fifth of the time that walking does, and a fiftieth where it is deep.
    """
    value: Any = []
    for _ in range(MAX_DEPTH - 1):
        value = [value]
    for spare in range(-1, MAX_DEPTH):
        try:
            orjson.dumps(value)
        except TypeError:
            return spare if spare >= 0 else None
        value = [value]
    return None


def _walks(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            part
            for node in level
            for part in (node.values() if type(node) is dict else node)
            if type(part) is dict or type(part) is list
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
