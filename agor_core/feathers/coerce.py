"""Types for queries that come as text: REST has nothing else."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

Convert = Callable[[Any], Any]
"""Gives the typed value of a text, or the text itself if it is none of that type."""

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_LONGEST_INTEGER = 18


def number(value: Any) -> Any:
    """A number written as JSON writes it; the empty text is null, which arrives as that."""
    if not isinstance(value, str):
        return value
    if value == "":
        return None
    if _NUMBER.fullmatch(value) is None:
        return value
    if value.lstrip("-").isdigit() and len(value) <= _LONGEST_INTEGER:
        return int(value)
    parsed = float(value)
    return parsed if math.isfinite(parsed) else value


def boolean(value: Any) -> Any:
    """`true` and `false`; the empty text is null."""
    return {"true": True, "false": False, "": None}.get(value, value) if isinstance(value, str) else value


def typed_query(query: Mapping[str, Any], types: Mapping[str, Convert]) -> dict[str, Any]:
    """`query` with the values of the fields in `types` converted, at any depth of operators and branches."""
    return {key: _typed(key, value, types) for key, value in query.items()}


def _typed(key: str, value: Any, types: Mapping[str, Convert]) -> Any:
    if key in ("$or", "$and") and isinstance(value, list):
        return [typed_query(branch, types) if isinstance(branch, dict) else branch for branch in value]
    convert = types.get(key)
    return value if convert is None else _converted(value, convert)


def _converted(value: Any, convert: Convert) -> Any:
    if isinstance(value, dict):
        # An empty list of values arrives as an empty text, which is not null here.
        return {
            operator: operand if operand == "" and operator in ("$in", "$nin") else _converted(operand, convert)
            for operator, operand in value.items()
        }
    if isinstance(value, list):
        return [_converted(part, convert) for part in value]
    return convert(value)
