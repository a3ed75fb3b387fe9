"""Whether a record matches a Feathers query, and how records sort; types are compared as JavaScript does."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from agor_core.errors import BadRequest
from agor_core.feathers.wire import js_text

FILTERS = frozenset({"$limit", "$skip", "$sort", "$select", "$or", "$and"})
PAGING = frozenset({"$limit", "$skip", "$sort", "$select"})
OPERATORS = frozenset({"$in", "$nin", "$lt", "$lte", "$gt", "$gte", "$ne", "$or"})
BRANCHES = frozenset({"$or", "$and"})

Test = Callable[[Sequence[Any]], bool]
"""Says whether what is at a field fits."""

_MISSING: Any = object()
# What a path leads to in a list that has no such index, and in one that has no such name.
_NO_INDEX: Any = object()
_NO_NAME: Any = object()
_ABSENT = (_NO_INDEX, _NO_NAME)
_INTEGER = re.compile(r"\s*([+-]?)0*(\d+)", re.ASCII)
# JavaScript's largest safe integer.
MOST = 2**53 - 1
LONGEST_DIGITS = 16
LONGEST_INDEX = 9


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
    """Records in the order of `$sort`, `{field: 1 | -1}`.

    Null and missing come first, then numbers, text, booleans, lists, objects.
    """
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
    if select is None or select == "":
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


def value_at(record: Mapping[str, Any], field: str) -> Any:
    """The value of a field; `a.b` reaches into objects and lists unless there is a field of that very name."""
    if "." not in field or field in record:
        return record.get(field, _MISSING)
    value: Any = record
    for step in field.split("."):
        value = _step(value, step)
    return _MISSING if value in _ABSENT else value


def values_at(record: Mapping[str, Any], field: str, path: Sequence[str]) -> Sequence[Any]:
    """All that a condition on a field looks at: its value, and what lists in its way or at its end hold.

    `path` is the field's steps. `a.b` finds the `b` of each object in a list `a`; `a.0.b` that of the first.
    """
    value = record.get(field, _MISSING)
    if value is not _MISSING:
        if not isinstance(value, list):
            return (value,)
        path = (field,)
    elif len(path) > 1:
        value = record.get(path[0], _MISSING)
    found: list[Any] = []
    _collect(value, path, 1, found)
    return found


def _collect(value: Any, path: Sequence[str], depth: int, found: list[Any]) -> None:
    """Add what is at the rest of a path, from `depth` on."""
    is_end = depth == len(path)
    if isinstance(value, list) and (is_end or not _is_index(path[depth])):
        for part in value:
            _collect(part, path, depth, found)
    if is_end or value is None or value is _MISSING or value in _ABSENT:
        found.append(value)
    else:
        _collect(_step(value, path[depth]), path, depth + 1, found)


def _step(value: Any, step: str) -> Any:
    """What a name or an index leads to."""
    if isinstance(value, Mapping):
        return value.get(step, _MISSING)
    if not isinstance(value, list):
        return _MISSING
    if not _is_index(step):
        return _NO_NAME
    return value[int(step)] if len(step) < LONGEST_INDEX and int(step) < len(value) else _NO_INDEX


def _is_index(step: str) -> bool:
    return step.isascii() and step.isdigit()


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
    test = _condition_test(condition)
    path = key.split(".")
    return lambda record: test(values_at(record, key, path))


def _branches(condition: Any, key: str, combine: Callable[[Any], bool]) -> Callable[[Mapping[str, Any]], bool]:
    if not isinstance(condition, list) or not all(isinstance(branch, dict) for branch in condition):
        raise BadRequest(f"{key} must be a list of queries")
    if not condition and key == "$or":
        return lambda _record: False
    tests = [matcher(branch) for branch in condition]
    return lambda record: combine(test(record) for test in tests)


def _condition_test(condition: Any) -> Test:
    """A test of what is at a field, `values_at`, against what stands at that field in the query."""
    if _has_operators(condition):
        tests = [_operator_test(key, operand) for key, operand in condition.items()]
        if len(tests) == 1:
            return tests[0]
        return lambda values: all(test(values) for test in tests)

    # As a loop, since this is what most queries are made of.
    def is_there(values: Sequence[Any]) -> bool:
        for value in values:  # noqa: SIM110
            if _is(value, condition):
                return True
        return False

    return is_there


def _has_operators(condition: Any) -> bool:
    return isinstance(condition, dict) and any(key.startswith("$") for key in condition)


def _operator_test(operator: str, operand: Any) -> Test:
    if operator in ("$in", "$nin"):
        # Over REST an empty value is all an empty list leaves, and one value is a list of one.
        wanted = operand if isinstance(operand, list) else [] if operand == "" else [operand]
        if any(_has_operators(candidate) for candidate in wanted):
            raise BadRequest(f"{operator} takes values, not operators")
        if operator == "$in":
            return lambda values: any(_is_one(value, wanted) for value in values)
        return lambda values: not any(_is_one(value, wanted) for value in values)
    if operator == "$ne":
        return lambda values: not any(_is_one(value, (operand,)) for value in values)
    if operator == "$or":
        if not isinstance(operand, list):
            raise BadRequest("$or must be a list of conditions")
        tests = [_condition_test(branch) for branch in operand]
        return lambda values: any(test(values) for test in tests)
    if operator not in OPERATORS:
        raise BadRequest(f"Invalid query parameter {operator}")
    accept = {"$lt": (-1,), "$lte": (-1, 0), "$gt": (1,), "$gte": (1, 0)}[operator]
    return lambda values: any(_compare(value, operand) in accept for value in values)


def _is(value: Any, wanted: Any) -> bool:
    """Equality; null is also what is missing, but not what a list does not have."""
    if value is _MISSING:
        return wanted is None
    return equal(value, wanted)


def _is_one(value: Any, wanted: Iterable[Any]) -> bool:
    """As `_is`, but for `$in`, `$nin` and `$ne` an index that a list does not have is null, too."""
    if value is _NO_INDEX:
        value = _MISSING
    return any(_is(value, candidate) for candidate in wanted)


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


def _sort_key(field: str, record: Any) -> tuple[Any, ...]:
    return _rank(value_at(record, field))


def _rank(value: Any) -> tuple[Any, ...]:
    """By type, then by value: lists by what they hold, one after the other, and objects so by their sorted names."""
    if value is None or value is _MISSING:
        return (0,)
    if isinstance(value, bool):
        return 3, value
    if isinstance(value, int | float):
        return 1, value
    if isinstance(value, str):
        return 2, value
    if isinstance(value, list):
        return 4, [_rank(part) for part in value]
    return 5, [_rank(value[name]) for name in sorted(value)]
