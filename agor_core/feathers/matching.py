"""Whether a record matches a Feathers query, and how records sort; types are compared as JavaScript does."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

from agor_core.errors import BadRequest
from agor_core.feathers.wire import js_text

FILTERS = frozenset({"$limit", "$skip", "$sort", "$select", "$or", "$and"})
PAGING = frozenset({"$limit", "$skip", "$sort", "$select"})
OPERATORS = frozenset({"$in", "$nin", "$lt", "$lte", "$gt", "$gte", "$ne", "$or"})
BRANCHES = frozenset({"$or", "$and"})

_MISSING: Any = object()
_INTEGER = re.compile(r"\s*([+-]?)0*(\d+)", re.ASCII)
# JavaScript's largest safe integer.
MOST = 2**53 - 1
LONGEST_DIGITS = 16


def check_query(query: Mapping[str, Any], filters: Collection[str] = FILTERS) -> None:
    """Raises BadRequest for a key that begins with `$` and is no filter at the top, no operator below."""
    for key, value in query.items():
        if key.startswith("$") and key not in filters:
            raise BadRequest(f"Invalid filter value {key}")
        _check_below(value, is_branch=key in BRANCHES)


def matcher(query: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], bool]:
    """A function that says whether a record matches. Filters in the query are no conditions."""
    tests = [_field_test(key, value) for key, value in query.items() if key not in PAGING]
    if not tests:
        return lambda _record: True
    if len(tests) == 1:
        return tests[0]
    return lambda record: all(test(record) for test in tests)


def sort_records(records: list[Any], sort: Any) -> list[Any]:
    """Records in the order of `$sort`, `{field: 1 | -1}`; null and missing first, then numbers, text, booleans."""
    if not isinstance(sort, Mapping) or not sort:
        return records
    ordered = list(records)
    # From the last key to the first: Python's sort is stable, also in reverse.
    for field, direction in reversed(list(sort.items())):
        order = to_integer(direction)
        # What is no direction sorts nothing, as there.
        if order:
            ordered.sort(key=partial(_sort_key, field), reverse=order < 0)
    return ordered


def select_fields(record: Any, select: Any, id_field: str) -> Any:
    """The record with the fields of `$select` and its id; the whole record without one."""
    if select is None:
        return record
    fields = [select] if isinstance(select, str) else select
    if not isinstance(fields, list):
        return record
    wanted = {field for field in fields if isinstance(field, str)} | {id_field}
    return {key: value for key, value in record.items() if key in wanted}


def equal(a: Any, b: Any) -> bool:
    """Equality as JavaScript's for scalars, by content for lists and objects: `1` is `1.0` and not true."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, int | float):
        return isinstance(b, int | float) and a == b
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(equal(value, b[key]) for key, value in a.items())
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(equal(x, y) for x, y in zip(a, b, strict=True))
    return type(a) is type(b) and bool(a == b)


def to_integer(value: Any) -> int | None:
    """What JavaScript's parseInt makes of a value; None for NaN. More than any list can hold is `MOST`."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return max(-MOST, min(int(value), MOST))
    match = _INTEGER.match(js_text(value))
    if match is None:
        return None
    sign, digits = match.groups()
    size = int(digits) if len(digits) < LONGEST_DIGITS else MOST
    return -size if sign == "-" else size


def value_at(record: Any, field: str) -> Any:
    """The value of a field; `a.b` reaches into objects and lists unless there is a field of that very name."""
    if isinstance(record, Mapping):
        if field in record:
            return record[field]
        if "." in field:
            head, _, rest = field.partition(".")
            return value_at(record[head], rest) if head in record else _MISSING
    elif isinstance(record, list) and field:
        head, _, rest = field.partition(".")
        if head.isascii() and head.isdigit() and len(head) < 9 and int(head) < len(record):
            return value_at(record[int(head)], rest) if rest else record[int(head)]
    return _MISSING


def _check_below(value: Any, *, is_branch: bool) -> None:
    """A branch is a query itself and may branch again, with `$and` too; the condition of a field may not."""
    stack = [(value, is_branch)]
    while stack:
        node, is_branch = stack.pop()
        if isinstance(node, dict):
            for key, part in node.items():
                if key.startswith("$") and key not in OPERATORS and not (is_branch and key in BRANCHES):
                    raise BadRequest(f"Invalid query parameter {key}", data=node)
                stack.append((part, is_branch and key in BRANCHES))
        elif isinstance(node, list):
            stack.extend((part, is_branch) for part in node)


def _field_test(key: str, condition: Any) -> Callable[[Mapping[str, Any]], bool]:
    if key == "$or":
        return _branches(condition, key, any)
    if key == "$and":
        return _branches(condition, key, all)
    value_test = _value_test(condition)
    return lambda record: value_test(value_at(record, key))


def _branches(condition: Any, key: str, combine: Callable[[Any], bool]) -> Callable[[Mapping[str, Any]], bool]:
    if not isinstance(condition, list) or not all(isinstance(branch, dict) for branch in condition):
        raise BadRequest(f"{key} must be a list of queries")
    if not condition and key == "$or":
        return lambda _record: False
    tests = [matcher(branch) for branch in condition]
    return lambda record: combine(test(record) for test in tests)


def _value_test(condition: Any) -> Callable[[Any], bool]:
    """A test of one value against what stands at its field in the query."""
    if isinstance(condition, dict) and any(key.startswith("$") for key in condition):
        tests = [_operator_test(key, operand) for key, operand in condition.items()]
        return lambda value: all(test(value) for test in tests)
    if isinstance(condition, dict | list):
        return lambda value: equal(value, condition)
    return lambda value: _is_or_holds(value, condition)


def _operator_test(operator: str, operand: Any) -> Callable[[Any], bool]:
    if operator in ("$in", "$nin"):
        # Over REST an empty value is all an empty list leaves, and one value is a list of one.
        values = operand if isinstance(operand, list) else [] if operand == "" else [operand]
        if operator == "$in":
            return lambda value: any(_is_or_holds(value, candidate) for candidate in values)
        return lambda value: not any(_is_or_holds(value, candidate) for candidate in values)
    if operator == "$ne":
        return lambda value: not _is_or_holds(value, operand)
    if operator == "$or":
        if not isinstance(operand, list):
            raise BadRequest("$or must be a list of conditions")
        tests = [_value_test(branch) for branch in operand]
        return lambda value: any(test(value) for test in tests)
    if operator not in OPERATORS:
        raise BadRequest(f"Invalid query parameter {operator}")
    accept = {"$lt": (-1,), "$lte": (-1, 0), "$gt": (1,), "$gte": (1, 0)}[operator]
    # As with equality, a list fits if something in it does.
    return lambda value: any(
        _compare(part, operand) in accept for part in (value if isinstance(value, list) else [value])
    )


def _is_or_holds(value: Any, wanted: Any) -> bool:
    """Equality; null also matches a missing field, and a list matches what it holds."""
    if wanted is None and value is _MISSING:
        return True
    if value is _MISSING:
        return False
    if isinstance(value, list) and not isinstance(wanted, list):
        return any(equal(part, wanted) for part in value)
    return equal(value, wanted)


def _compare(a: Any, b: Any) -> int | None:
    """-1, 0 or 1 for values of one type, None for values that have no order."""
    if b is None and (a is None or a is _MISSING):
        return 0
    if isinstance(a, bool) or isinstance(b, bool):
        return (a > b) - (a < b) if isinstance(a, bool) and isinstance(b, bool) else None
    if isinstance(a, int | float) and isinstance(b, int | float):
        return (a > b) - (a < b)
    if isinstance(a, str) and isinstance(b, str):
        return (a > b) - (a < b)
    return None


def _sort_key(field: str, record: Any) -> tuple[int, Any]:
    value = value_at(record, field)
    if value is None or value is _MISSING:
        return 0, 0
    if isinstance(value, bool):
        return 3, value
    if isinstance(value, int | float):
        return 1, value
    return (2, value) if isinstance(value, str) else (4, 0)
