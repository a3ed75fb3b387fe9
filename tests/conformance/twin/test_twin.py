"""Ours against the official Feathers 5 server packages: the same calls, and no difference but those that are meant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.conformance.twin.both import Rest, Step
from tests.conformance.twin.conftest import Pair
from tests.conformance.twin.differences import DIFFERENCES, Difference, fits
from tests.conformance.twin.scripts import SCRIPTS, find, made, socket

pytestmark = [pytest.mark.node, pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")]

README = Path(__file__).parents[3] / "agor_core" / "feathers" / "README.md"


@pytest.mark.parametrize("name", SCRIPTS)
def test_both_do_the_same(pair: Pair, name: str) -> None:
    """Statuses, bodies, the headers that matter, acknowledgements and events are equal, step by step."""
    pair.do_the_same(SCRIPTS[name])


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda one: f"{one.row[:40]} {one.script[-1]}"[:90])
def test_a_difference_is_the_one_that_is_meant(pair: Pair, difference: Difference) -> None:
    """Ours is as the README says, theirs as it says of Feathers; so one that is gone from there is noticed here."""
    ours, theirs = pair.run(difference.script, strict=difference.is_strict)
    assert fits(difference.ours, ours.outcomes[-1]), ours.outcomes[-1]
    assert fits(difference.theirs, theirs.outcomes[-1]), theirs.outcomes[-1]
    assert fits(difference.our_events, ours.events), ours.events
    assert fits(difference.their_events, theirs.events), theirs.events
    assert (ours.outcomes[-1], ours.events) != (theirs.outcomes[-1], theirs.events)


def rows() -> list[str]:
    """The first column of the README's table of what is deliberately not Feathers."""
    table = README.read_text().partition("| Feathers | here | why |")[2].partition("\n\n")[0]
    return [line.split(" | ")[0].removeprefix("| ") for line in table.splitlines()[2:]]


def test_each_row_of_the_readme_is_shown() -> None:
    """By a difference between the two; and nothing is shown that has no row."""
    assert set(rows()) == {one.row for one in DIFFERENCES}
    assert len(rows()) == len(set(rows()))


# Few values, so that queries find some records and not others.
NAMES = st.sampled_from(["Ann", "Bea", "", "äö b", "1"])
AGES = st.sampled_from([-1, 0, 1, 2.5])
RECORDS = st.fixed_dictionaries(
    {"name": NAMES}, optional={"age": AGES, "created": st.booleans(), "tags": st.lists(NAMES, max_size=3)}
)


def conditions(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """What may stand at a field with such values; now and then with values that are not of its type."""
    some = st.one_of(values, values, values, NAMES, AGES, st.booleans())
    return st.one_of(
        some,
        st.dictionaries(st.sampled_from(["$lt", "$lte", "$gt", "$gte", "$ne"]), some, min_size=1, max_size=2),
        st.fixed_dictionaries({"$in": st.lists(some, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"$nin": st.lists(some, min_size=1, max_size=3)}),
    )


FIELDS = {"name": conditions(NAMES), "age": conditions(AGES), "created": conditions(st.booleans())}
BRANCHES = st.lists(
    st.one_of([st.fixed_dictionaries({name: condition}) for name, condition in FIELDS.items()]), min_size=1, max_size=3
)
QUERIES = st.fixed_dictionaries(
    {},
    optional={
        **FIELDS,
        "tags": NAMES,
        "$or": BRANCHES,
        "$and": BRANCHES,
        "$limit": st.integers(0, 4),
        "$skip": st.integers(0, 4),
        "$sort": st.dictionaries(st.sampled_from(["age", "name"]), st.sampled_from([1, -1]), min_size=1),
        "$select": st.lists(st.sampled_from(["name", "age", "nothing"]), min_size=1, max_size=2, unique=True),
    },
)
QUESTIONS = st.one_of([st.fixed_dictionaries({name: condition}) for name, condition in FIELDS.items()])
PATHS = st.sampled_from(["people", "people-multi", "people-paged", "people-paged3", "people-paged10"])
IDS = st.one_of(st.integers(1, 5), st.sampled_from(["1", "3", "nope"]))
BODIES = st.one_of(RECORDS, st.lists(RECORDS, max_size=3))


def either(*steps: Step) -> st.SearchStrategy[Step]:
    """The same call through one door or the other."""
    return st.sampled_from(steps)


@st.composite
def calls(draw: st.DrawFn) -> list[Step]:
    """One call, as socket clients and as REST clients make it."""
    path, query = draw(PATHS), draw(QUERIES)
    match draw(st.sampled_from(["find", "get", "create", "update", "patch", "remove", "all"])):
        case "find":
            return find(path, query)
        case "get":
            return [socket("get", path, draw(IDS), query)]
        case "create":
            data = draw(BODIES)
            return [draw(either(socket("create", path, data, {}), Rest("POST", f"/{path}", data)))]
        case "update":
            id, data = draw(IDS), draw(RECORDS)
            return [draw(either(socket("update", path, id, data, {}), Rest("PUT", f"/{path}/{id}", data)))]
        case "patch":
            id, data = draw(IDS), draw(RECORDS)
            return [draw(either(socket("patch", path, id, data, query), Rest("PATCH", f"/{path}/{id}", data)))]
        case "remove":
            id = draw(IDS)
            return [draw(either(socket("remove", path, id, query), Rest("DELETE", f"/{path}/{id}")))]
        case _:
            return [
                draw(
                    st.sampled_from(
                        [socket("patch", path, None, {"seen": True}, query), socket("remove", path, None, query)]
                    )
                )
            ]


def generated(examples: int) -> settings:
    """So many scripts; both servers live on between them."""
    return settings(max_examples=examples, phases=[Phase.generate, Phase.shrink])


@generated(80)
@given(records=st.lists(RECORDS, min_size=3, max_size=6), queries=st.lists(QUESTIONS, min_size=10, max_size=10))
def test_both_find_the_same(pair: Pair, records: list[dict[str, Any]], queries: list[dict[str, Any]]) -> None:
    """One condition at a time, through both doors, on records of which some fit and some do not."""
    pair.do_the_same([*made(*records), *(step for query in queries for step in find("people", query))])


SCALARS = st.sampled_from([0, 1, -1, 2.5, "", None, True, False])


def nested(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Values with objects and lists in them, and null in between."""
    return st.recursive(
        leaves,
        lambda inner: st.dictionaries(st.sampled_from("ab"), inner, max_size=2) | st.lists(inner, max_size=3),
        max_leaves=6,
    )


@st.composite
def nested_cases(draw: st.DrawFn) -> tuple[list[Any], list[dict[str, Any]]]:
    """Values, and queries of fields within them, by names alone or by places in lists, too."""
    # Of a text its places are letters there, and nothing here.
    leaves, steps = draw(st.sampled_from([(st.just("x") | SCALARS, "ab"), (SCALARS, "ab01")]))
    values = nested(leaves)
    # Lists and objects have no order here, not even to null.
    orders = st.dictionaries(
        st.sampled_from(["$lt", "$lte", "$gt", "$gte"]), leaves.filter(lambda one: one is not None), min_size=1
    )
    lists = st.dictionaries(st.sampled_from(["$in", "$nin"]), st.lists(values, max_size=3), min_size=1)
    tests = st.one_of(values, orders, lists, st.fixed_dictionaries({"$ne": values}))
    fields = st.lists(st.sampled_from(steps), max_size=3).map(lambda path: ".".join(["value", *path]))
    queries = st.dictionaries(fields, tests, min_size=1, max_size=2)
    branched = queries | st.fixed_dictionaries({"$or": st.lists(queries, min_size=1, max_size=2)})
    return draw(st.lists(values, min_size=4, max_size=8)), draw(st.lists(branched, min_size=15, max_size=15))


@generated(30)
@given(case=nested_cases())
def test_both_find_the_same_within_records(pair: Pair, case: tuple[list[Any], list[dict[str, Any]]]) -> None:
    """Objects in lists in objects, and null on the way to a field."""
    values, queries = case
    pair.do_the_same(
        [*made(*({"value": value} for value in values)), *(socket("find", "people", query) for query in queries)]
    )


@generated(100)
@given(script=st.lists(calls(), min_size=1, max_size=6), records=st.lists(RECORDS, max_size=4))
def test_both_do_the_same_whatever_is_called(
    pair: Pair, script: list[list[Step]], records: list[dict[str, Any]]
) -> None:
    """Arbitrary calls with arbitrary queries, on a store that they change as they go."""
    pair.do_the_same([*made(*records), *(step for call in script for step in call)])


KEYS = st.text(st.sampled_from("ab01[]=&.$%+-"), max_size=12)


@generated(40)
@given(texts=st.lists(KEYS, min_size=10, max_size=40))
def test_both_read_query_strings_alike(pair: Pair, texts: list[str]) -> None:
    """Whatever is in them, but for `a[]` without a value, which is how we say an empty list."""
    pair.do_the_same([Rest("GET", f"/echo?{text}") for text in texts if not says_empty_list(text)])


def says_empty_list(text: str) -> bool:
    """Whether it has what only ours understands."""
    return any(part.endswith("[]") for part in text.split("&"))


def test_fits_tells_what_does_not() -> None:
    """The comparison of this module itself."""
    assert fits({"a": [1]}, {"a": [1], "b": 2})
    assert not fits({"a": [1]}, {"a": [1, 2]})
    assert not fits([None, {}], [{"name": "NotFound"}])
    assert not fits(1, True)
