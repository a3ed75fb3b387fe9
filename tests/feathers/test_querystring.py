"""Query strings mean what they mean to `qs`, except where that would lose something."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agor_core.errors import BadRequest
from agor_core.feathers.querystring import format_query, parse_query


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("a", {"a": ""}),
        ("a=", {"a": ""}),
        ("a=1&a=2", {"a": ["1", "2"]}),
        ("a[]=1", {"a": ["1"]}),
        ("a[0]=1", {"a": ["1"]}),
        ("a[1]=2&a[0]=1", {"a": ["1", "2"]}),
        ("a[5]=x", {"a": ["x"]}),
        ("a[0]=1&a[b]=2", {"a": {"0": "1", "b": "2"}}),
        ("a[b][c]=1", {"a": {"b": {"c": "1"}}}),
        ("a.b=1", {"a.b": "1"}),
        ("$sort[created_at]=-1", {"$sort": {"created_at": "-1"}}),
        ("$or[0][x]=1&$or[1][y]=2", {"$or": [{"x": "1"}, {"y": "2"}]}),
        ("$or[][x]=1&$or[][y]=2", {"$or": [{"x": "1", "y": "2"}]}),
        ("$and[0][$or][0][a]=1", {"$and": [{"$or": [{"a": "1"}]}]}),
        ("a=true&b=null", {"a": "true", "b": "null"}),
        ("a=b+c", {"a": "b c"}),
        ("a=%2B", {"a": "+"}),
        ("a=%ZZ", {"a": "%ZZ"}),
        ("a=%", {"a": "%"}),
        ("a=b=c", {"a": "b=c"}),
        ("a;b=2", {"a;b": "2"}),
        ("a=1,2", {"a": "1,2"}),
        ("=1", {}),
        ("&&", {}),
        ("", {}),
        ("a[-1]=1", {"a": {"-1": "1"}}),
        ("a[01]=1", {"a": {"01": "1"}}),
        ("a]=1", {"a]": "1"}),
        ("[a]=1", {"a": "1"}),
        ("__proto__[x]=1", {}),
        ("a%5B%24in%5D%5B0%5D=1", {"a": {"$in": ["1"]}}),
        ("a[b][c][d][e][f][g]=1", {"a": {"b": {"c": {"d": {"e": {"f": {"[g]": "1"}}}}}}}),
    ],
)
def test_it_is_parsed_as_qs_does(text: str, query: dict[str, Any]) -> None:
    """The measured table."""
    assert parse_query(text) == query


def test_long_lists_and_deep_ones_survive() -> None:
    """Unlike with `qs`: more than twenty values, and lists below the fifth bracket."""
    values = [str(number) for number in range(500)]
    assert parse_query(format_query({"a": {"$in": values}})) == {"a": {"$in": values}}
    assert parse_query("$and[0][$or][0][b][$in][0]=x") == {"$and": [{"$or": [{"b": {"$in": ["x"]}}]}]}


def test_an_empty_list_can_be_said() -> None:
    """`a[]` without a value is the empty list."""
    assert parse_query("a[$in][]") == {"a": {"$in": []}}
    assert parse_query(format_query({"a": {"$in": []}})) == {"a": {"$in": []}}


def test_a_huge_index_costs_nothing() -> None:
    """It is a key like any other."""
    assert parse_query("a[100000000]=x") == {"a": {"100000000": "x"}}


def test_only_a_thousand_parameters_are_read() -> None:
    """The rest is dropped."""
    assert len(parse_query("&".join(f"k{number}=1" for number in range(2000)))) == 1000


def test_a_query_may_be_sent_as_json() -> None:
    """`$query` carries null, numbers and empty lists as they are."""
    assert parse_query("$query=%7B%22a%22%3Anull%2C%22b%22%3A%5B%5D%7D&c=1") == {"a": None, "b": [], "c": "1"}
    for broken in ("$query=%7B", "$query=5", "$query[a]=1"):
        with pytest.raises(BadRequest):
            parse_query(broken)


@given(st.text())
def test_any_text_is_a_query(text: str) -> None:
    """Nothing breaks it; only a broken `$query` is refused."""
    try:
        query = parse_query(text)
    except BadRequest:
        assert "query" in text
    else:
        assert isinstance(query, dict)


@given(st.lists(st.sampled_from(["a", "[", "]", "=", "&", "0", "[]", "$in", "%5B", "%", "__proto__"]), max_size=40))
def test_any_mess_of_brackets_is_a_query(parts: list[str]) -> None:
    """Nothing breaks it."""
    assert isinstance(parse_query("".join(parts)), dict)


KEYS = st.text(st.characters(codec="utf-8", exclude_characters="[]"), min_size=1, max_size=5).filter(
    lambda key: key != "__proto__" and not key.isdigit()
)
LEAVES = st.text(st.characters(codec="utf-8"), max_size=5)
QUERIES = st.dictionaries(
    KEYS,
    st.recursive(
        LEAVES,
        lambda inner: st.lists(inner, min_size=1, max_size=30) | st.dictionaries(KEYS, inner, min_size=1, max_size=3),
        max_leaves=8,
    ),
    max_size=3,
)


def depth(value: Any) -> int:
    """How many keys, lists not counted, lie below one."""
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    return max(map(depth, value), default=0) if isinstance(value, list) else 0


@given(QUERIES.filter(lambda query: depth(query) <= 5))
def test_what_is_written_is_read_again(query: dict[str, Any]) -> None:
    """Five levels of texts, lists and objects come back as they were."""
    assert parse_query(format_query(query)) == query
