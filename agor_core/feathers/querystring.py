"""Query strings as the official client writes them, with the rules of npm's `qs`, always text.

Deliberately unlike `qs`: lists have no limit of 20 values (indices below 1000 count), operators and list indices do
not count towards the depth of 5, and `a[]` without `=` is the empty list, which `qs` cannot say. `$query=<JSON>`
gives a query with all its types. Keys like `constructor` are data; `__proto__` is dropped, as there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from agor_core.errors import BadRequest
from agor_core.feathers.wire import js_text, loads

MAX_PARAMETERS = 1000
MAX_INDEX = 1000
MAX_DEPTH = 5
# Operators and indices are free, but something has to end a key of ten thousand brackets.
MAX_SEGMENTS = 40

_GROUP = re.compile(r"\[[^\[\]]*\]")
_ENCODED_BRACKET = re.compile(r"%5([BD])", re.IGNORECASE)
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")
_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


class _List(dict[int, Any]):
    """A list while it is being built, by index, so that a huge index costs nothing."""

    def append(self, value: Any) -> None:
        self[max(self, default=-1) + 1] = value


def parse_query(text: str) -> dict[str, Any]:
    """The query that `text`, without its question mark, stands for. Raises BadRequest for a broken `$query`."""
    if not text:
        return {}
    flat: dict[str, Any] = {}
    text = _ENCODED_BRACKET.sub(lambda match: "[" if match[1] in "Bb" else "]", text)
    for part in text.split("&", MAX_PARAMETERS)[:MAX_PARAMETERS]:
        if not part:
            continue
        # The key may itself hold `=` inside brackets: its end is the first `]=`, if there is one.
        end = part.find("]=") + 1 or part.find("=")
        key, value = (part, None) if end < 0 else (part[:end], part[end + 1 :])
        key = decode_text(key)
        if value is None:
            leaf: Any = _List() if key.endswith("[]") else ""
            key = key.removesuffix("[]") if key.endswith("[]") else key
        else:
            leaf = decode_text(value)
        flat[key] = _combined(flat[key], leaf) if key in flat else leaf
    tree: dict[Any, Any] = {}
    for key, leaf in flat.items():
        chain = _chain(key)
        if chain:
            merged = _merge(tree, _nested(chain, leaf))
            tree = merged if isinstance(merged, dict) else tree
    query: dict[str, Any] = _finished(tree)
    return _with_json(query)


def decode_text(text: str) -> str:
    """Decode `+` and percent signs; a text that does not decode stays as it is, as in JavaScript."""
    text = text.replace("+", " ")
    return decode_segment(text)


def decode_segment(text: str) -> str:
    """Decode percent signs as JavaScript's decodeURIComponent does, except that what it refuses stays as it is."""
    if "%" not in text or _PERCENT.search(text):
        return text
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        return text


def _chain(key: str) -> list[str]:
    """The segments of a key; those in brackets keep them. Empty for a key that is dropped."""
    if not key:
        return []
    parent = key.partition("[")[0]
    if parent == key:
        return [] if key == "__proto__" else [key]
    chain, depth = [parent] if parent else [], 0
    for group in _groups(key[len(parent) :]):
        inner = group[1:-1]
        if inner == "__proto__":
            return []
        is_free = inner.startswith("$") or inner == "" or _INDEX.fullmatch(inner) is not None
        depth += not is_free
        if depth > MAX_DEPTH or len(chain) > MAX_SEGMENTS:
            # The rest as it is, in one piece.
            chain.append(f"[{key[sum(map(len, chain)) :]}]")
            break
        chain.append(group)
    return [] if parent == "__proto__" else chain


def _groups(text: str) -> Iterable[str]:
    """The groups in brackets, in which further brackets are text; one that is never closed is a group as it stands."""
    groups = _GROUP.findall(text)
    return groups if "".join(groups) == text else _odd_groups(text)


def _odd_groups(text: str) -> Iterator[str]:
    start = text.find("[")
    while start >= 0:
        level, end = 0, start
        while end < len(text):
            level += {"[": 1, "]": -1}.get(text[end], 0)
            end += 1
            if level == 0:
                break
        yield text[start:end] if level == 0 else f"[{text[start:]}]"
        start = text.find("[", end)


def _nested(chain: list[str], leaf: Any) -> Any:
    for position in range(len(chain) - 1, -1, -1):
        segment = chain[position]
        bracketed = position > 0 or segment.startswith("[")
        name = segment[1:-1] if segment.startswith("[") and segment.endswith("]") else segment
        if segment == "[]":
            leaf = leaf if isinstance(leaf, _List) else _List({0: leaf})
        elif bracketed and name != segment and _INDEX.fullmatch(name) and int(name) < MAX_INDEX:
            leaf = _List({int(name): leaf})
        else:
            leaf = {name: leaf}
    return leaf


def _combined(one: Any, other: Any) -> _List:
    """The values of a key that is there several times, in one list."""
    result = _List(one) if isinstance(one, _List) else _List({0: one})
    for value in other.values() if isinstance(other, _List) else [other]:
        result.append(value)
    return result


def _merge(target: Any, source: Any) -> Any:
    """Put `source` into `target`, by the rules of `qs` for what does not fit."""
    if not isinstance(source, dict):
        if not isinstance(target, _List):
            return _List({0: target, 1: source})
        target.append(source)
        return target
    if not isinstance(target, dict):
        result = _List({0: target})
        for value in source.values() if isinstance(source, _List) else [source]:
            result.append(value)
        return result
    if isinstance(target, _List) and isinstance(source, _List):
        for index, item in source.items():
            if index not in target:
                target[index] = item
            elif isinstance(target[index], dict) and isinstance(item, dict):
                target[index] = _merge(target[index], item)
            else:
                target.append(item)
        return target
    if isinstance(target, _List):
        target = {str(index): item for index, item in target.items()}
    for key, value in source.items():
        key = str(key)
        target[key] = _merge(target[key], value) if key in target else value
    return target


def _finished(node: Any) -> Any:
    """`node` with lists as lists, their gaps closed."""
    if isinstance(node, _List):
        return [_finished(node[index]) for index in sorted(node)]
    if isinstance(node, dict):
        return {key: _finished(value) for key, value in node.items()}
    return node


def _with_json(query: dict[str, Any]) -> dict[str, Any]:
    if "$query" not in query:
        return query
    text = query.pop("$query")
    value = loads(text) if isinstance(text, str) else None
    if not isinstance(value, dict):
        raise BadRequest("$query must be one JSON object")
    return {**query, **value}


def format_query(query: Mapping[str, Any]) -> str:
    """The query string of a query, as the official client writes it; empty lists are `a[]`, which it cannot say.

    Null becomes an empty text, as there; whoever needs it exactly sends `$query`.
    """
    parts: list[str] = []
    # A stack, not recursion; reversed, so that the parts come out in the order of the keys.
    waiting: list[tuple[str, Any]] = [(quote(key, safe=""), value) for key, value in reversed(list(query.items()))]
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, Mapping):
            waiting.extend((f"{name}%5B{quote(key, safe='')}%5D", part) for key, part in reversed(list(value.items())))
        elif isinstance(value, list | tuple):
            if not value:
                parts.append(f"{name}%5B%5D")
            numbered = list(enumerate(value))
            waiting.extend((f"{name}%5B{index}%5D", part) for index, part in reversed(numbered))
        else:
            text = "" if value is None else js_text(value)
            parts.append(f"{name}={quote(text, safe='')}")
    return "&".join(parts)
