"""Queries are answered by SQL exactly as a plain reading of the Feathers syntax says, on columns and inside JSON."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cmp_to_key
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from agor_core.clock import iso
from agor_core.db import Database, Transaction
from agor_core.errors import BadRequest
from agor_core.models import GitState, Message, MessageMetadata, Position, RepoRef, Session
from tests.support.records import a_session, page_of, say

Record = dict[str, Any]
Query = Mapping[str, Any]

# Few values each, so that records meet queries; with what sorts differently by locale, case and byte.
TEXTS = ["", "a", "A", "b", "Z", "é", "z_%", '"', "null", "10", "9"]
NUMBERS = [-1, 0, 1, 2, 9, 10]
FLOATS = [-1.5, 0.0, 2.0, 9.0, 10.0]
TIMES = [1_700_000_000_000, 1_700_000_000_001, 1_700_000_086_400]

FIELDS: dict[str, list[Any]] = {
    "status": ["idle", "running", "failed"],
    "agent": TEXTS[1:],
    "archived": [True, False],
    "message_count": NUMBERS[1:],
    "created_at": [iso(ms) for ms in TIMES],
    "title": [None, *TEXTS],
    "git_state.ref": [None, *TEXTS],
    "tool_use_count": NUMBERS,
    "position.x": [None, *FLOATS],
    "repo.managed_worktree": [None, True, False],
}
LISTS: dict[str, list[Any]] = {"concepts": TEXTS[1:5]}


def value_of(record: Record, name: str) -> Any:
    """What a record has at a dotted path; null where there is nothing."""
    value: Any = record
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def holds(value: Any, operator: str, given: Any) -> bool:
    """One operator on one value."""
    if isinstance(value, list) and operator in ("$eq", "$in"):
        return any(one in value for one in (given if operator == "$in" else [given]))
    match operator:
        case "$eq":
            return bool(value == given)
        case "$ne":
            return not holds(value, "$eq", given)
        case "$in":
            return value in given
        case "$nin":
            return not holds(value, "$in", given)
        case _ if value is None:
            return False
        case "$lt":
            return bool(value < given)
        case "$lte":
            return bool(value <= given)
        case "$gt":
            return bool(value > given)
        case _:
            return bool(value >= given)


def matches(record: Record, query: Query) -> bool:
    """Whether a record is meant by a query."""
    for key, condition in query.items():
        if key == "$or":
            if not any(matches(record, part) for part in condition):
                return False
        elif key == "$and":
            if not all(matches(record, part) for part in condition):
                return False
        elif not key.startswith("$"):
            operators = condition if isinstance(condition, Mapping) else {"$eq": condition}
            if not all(holds(value_of(record, key), name, given) for name, given in operators.items()):
                return False
    return True


def expected(records: list[Record], query: Query) -> list[str]:
    """The ids of all that are meant, in the order asked for."""
    sort: Mapping[str, int] = query.get("$sort", {"created_at": -1})
    *_, last = sort.values()

    def compare(one: Record, other: Record) -> int:
        for name, order in [*sort.items(), ("session_id", last)]:
            a, b = value_of(one, name), value_of(other, name)
            if a != b:
                is_less = a is None or (b is not None and (a.encode() < b.encode() if isinstance(a, str) else a < b))
                return -order if is_less else order
        return 0

    found = [record for record in records if matches(record, query)]
    return [record["session_id"] for record in sorted(found, key=cmp_to_key(compare))]


@st.composite
def conditions(draw: st.DrawFn) -> tuple[str, Any]:
    """A field, and what is asked of it."""
    if draw(st.integers(0, 9)) == 0:
        values = LISTS["concepts"]
        operator = draw(st.sampled_from(["$eq", "$ne", "$in", "$nin"]))
        name = "concepts"
    else:
        name = draw(st.sampled_from(sorted(FIELDS)))
        values = FIELDS[name]
        orderings = [] if isinstance(values[-1], bool) else ["$lt", "$lte", "$gt", "$gte"]
        operator = draw(st.sampled_from(["$eq", "$ne", "$in", "$nin", *orderings]))
    if operator in ("$in", "$nin"):
        return name, {operator: draw(st.lists(st.sampled_from(values), max_size=3))}
    known = [value for value in values if value is not None] if operator not in ("$eq", "$ne") else values
    value = draw(st.sampled_from(known))
    return name, value if operator == "$eq" else {operator: value}


def queries() -> st.SearchStrategy[Query]:
    """Conditions, alone and nested."""
    plain = st.lists(conditions(), max_size=2).map(dict)
    nested = st.recursive(
        plain,
        lambda inner: st.fixed_dictionaries(
            {},
            optional={"$or": st.lists(inner, min_size=1, max_size=3), "$and": st.lists(inner, min_size=1, max_size=2)},
        ),
        max_leaves=4,
    )
    sort = st.dictionaries(st.sampled_from(sorted(FIELDS)), st.sampled_from([1, -1]), min_size=1, max_size=2)
    return st.builds(lambda one, order: {**one, **({"$sort": order} if order else {})}, nested, st.none() | sort)


def record_of(draw: Any) -> Session:
    """A session with random fields."""
    chosen = {name: draw(st.sampled_from(values)) for name, values in FIELDS.items()}
    session = Session(
        agent=chosen["agent"],
        status=chosen["status"],
        archived=chosen["archived"],
        message_count=chosen["message_count"],
        created_at=draw(st.sampled_from(TIMES)),
    )
    session.data.title = chosen["title"]
    session.data.tool_use_count = chosen["tool_use_count"]
    session.data.concepts = draw(st.lists(st.sampled_from(LISTS["concepts"]), max_size=2))
    if draw(st.booleans()):
        session.data.git_state = GitState(ref=chosen["git_state.ref"])
    if chosen["position.x"] is not None:
        session.data.position = Position(x=chosen["position.x"], y=0)
    if chosen["repo.managed_worktree"] is not None:
        session.data.repo = RepoRef(managed_worktree=chosen["repo.managed_worktree"])
    return session


@given(st.data())
@settings(max_examples=25, phases=[Phase.explicit, Phase.generate])
def test_sql_and_a_plain_reading_agree(database: Database, data: st.DataObject) -> None:
    """For random records and queries, what SQL finds, counts and sorts is what plain Python does; pages join up."""
    sessions = [record_of(data.draw) for _ in range(data.draw(st.integers(1, 12)))]
    asked = [data.draw(queries()) for _ in range(6)]

    def work(tx: Transaction) -> None:
        tx.connection.execute(sa.delete(tx.sessions.table))
        tx.sessions.add_many(sessions)
        records = tx.sessions.page({}, None, 100, 100)["data"]
        for query in asked:
            ids = expected(records, query)
            page = tx.sessions.page(query, None, 100, 100)
            assert [record["session_id"] for record in page["data"]] == ids, query
            assert page["total"] == len(ids)
            joined = []
            for skip in range(0, len(ids) + 1, 3):
                part = tx.sessions.page({**query, "$limit": 3, "$skip": skip, "$total": False}, None, 50, 100)
                assert "total" not in part
                joined += [record["session_id"] for record in part["data"]]
            assert joined == ids

    database.write_now(work)


async def test_text_from_a_url_means_what_the_field_is(database: Database) -> None:
    """Numbers, booleans, times and nulls that come as text are compared as what they are."""
    session = await a_session(database, message_count=3, created_at=TIMES[0])
    queries: list[Query] = [
        {"message_count": "3"},
        {"message_count": {"$in": ["3", "4"]}, "archived": "false"},
        {"created_at": {"$gte": iso(TIMES[0]), "$lt": iso(TIMES[1])}},
        {"$or": [{"archived": "true"}, {"tool_use_count": {"$lt": "1"}}], "$limit": "5", "$sort": {"agent": "-1"}},
        {"parent_session_id": "null", "git_state.ref": {"$ne": "x"}},
    ]
    for query in queries:
        page = await page_of(database, "sessions", query)
        assert [record["session_id"] for record in page["data"]] == [session.session_id], query


@pytest.mark.parametrize(
    "query",
    [
        {"nope": 1},
        {"git_state.nope": 1},
        {"git_state": {"ref": "main"}},
        {"status": {"$regex": "x"}},
        {"$where": "1"},
        {"message_count": "many"},
        {"message_count": 2**60},
        {"archived": 1},
        {"agent": 5},
        {"agent": "a\0b"},
        {"agent": ["a", "b"]},
        {"agent": {}},
        {"agent": {"$in": "a"}},
        {"archived": {"$gt": False}},
        {"created_at": "yesterday"},
        {"concepts": {"$lt": "a"}},
        {"$or": []},
        {"$or": {"agent": "a"}},
        {"$or": [{"nope": 1}]},
        {"$or": [{"$limit": 1}]},
        {"$limit": -1},
        {"$limit": "few"},
        {"$skip": 1.5},
        {"$sort": "agent"},
        {"$sort": {"nope": 1}},
        {"$sort": {"concepts": 1}},
        {"$sort": {"agent": 0}},
        {"$select": ["nope"]},
        {"$select": ["first_index"]},
        {"first_index": 0},
        {"agent_cost_usd": 0},
        {"$total": "perhaps"},
        {"$history": True},
    ],
    ids=str,
)
async def test_what_a_query_cannot_mean_is_refused(database: Database, query: Query) -> None:
    """An unknown field or operator, a wrong type, or a hidden field is a 400, never a wider answer."""
    await a_session(database)
    with pytest.raises(BadRequest):
        await database.read(lambda tx: tx.sessions.page(query, None, 10, 10))


@pytest.mark.parametrize(
    "query",
    [
        {"$or": [{"status": "idle"}] * 4000},
        {"$and": [{"$or": [{"agent": "x"}] * 300}] * 3},
        {"$or": [{}] * 4000},
        {field: {"$in": ["x"] * 5000} for field in ("agent", "title", "description", "created_by", "repo.cwd")},
    ],
)
async def test_a_query_too_large_for_a_database_is_refused(database: Database, query: Query) -> None:
    """More conditions or values than a backend can take are refused by all; a good deal is fine."""
    with pytest.raises(BadRequest, match="too large"):
        await database.read(lambda tx: tx.sessions.page(query, None, 50, 1000))
    many: Query = {"$or": [{"title": str(number)} for number in range(390)], "agent": {"$in": ["x"] * 5000}}
    assert (await database.read(lambda tx: tx.sessions.page(many, None, 50, 1000)))["total"] == 0


async def test_a_password_is_neither_found_nor_shown(database: Database) -> None:
    """Hidden columns cannot be asked for, compared, sorted by, or selected."""
    for query in ({"password": "x"}, {"$sort": {"password": 1}}, {"$select": ["password"]}, {"token_generation": 0}):
        with pytest.raises(BadRequest):
            await page_of(database, "users", query)


async def test_pages_have_a_default_and_a_most(database: Database) -> None:
    """Nobody gets more than the most; the total counts all the same."""
    for _ in range(5):
        await a_session(database)
    page = await database.read(lambda tx: tx.sessions.page({}, None, 2, 3))
    assert (page["total"], page["limit"], len(page["data"])) == (5, 2, 2)
    page = await database.read(lambda tx: tx.sessions.page({"$limit": 100, "$skip": 3}, None, 2, 3))
    assert (page["total"], page["limit"], page["skip"], len(page["data"])) == (5, 3, 3, 2)
    page = await database.read(lambda tx: tx.sessions.page({"$limit": 0}, None, 2, 3))
    assert (page["total"], page["data"]) == (5, [])


async def test_a_selection_has_the_fields_named_and_the_id(database: Database) -> None:
    """`$select` leaves out all else, on find and on get."""
    session = await a_session(database)
    query = {"$select": ["agent", "git_state"]}
    wanted = {"session_id": session.session_id, "agent": "scripted", "git_state": None}
    assert (await database.read(lambda tx: tx.sessions.page(query, None, 10, 10)))["data"] == [wanted]
    assert await database.read(lambda tx: tx.sessions.record(session.session_id, None, query)) == wanted


async def test_untyped_places_compare_by_type_and_value(database: Database) -> None:
    """Inside what agents send, a text is no number and true is no one."""
    session = await a_session(database)
    for tokens in ("5", 5, True, {"in": 5}):
        message = Message(session_id="", type="assistant", role="assistant")
        message.data.metadata = MessageMetadata.model_validate({"tokens": tokens})
        await say(database, session.session_id, message)

    async def found(query: Query) -> list[int]:
        page = await database.read(lambda tx: tx.messages.page(query, None, 10, 10))
        return [record["index"] for record in page["data"]]

    assert await found({"metadata.tokens": "5"}) == [0]
    assert await found({"metadata.tokens": 5}) == [1]
    assert await found({"metadata.tokens": True}) == [2]
    assert await found({"metadata.tokens.in": 5}) == [3]
    assert await found({"metadata.tokens": {"$gte": 1}}) == [1]
    assert await found({"metadata.tokens": {"$gt": "4"}}) == [0]
    assert await found({"metadata.tokens.in": {"$ne": 5}}) == [0, 1, 2]


async def test_lists_are_newest_first_and_transcripts_oldest_first(database: Database) -> None:
    """Without `$sort`, sessions begin with the newest, tasks and messages with the oldest."""
    sessions = [(await a_session(database, created_at=ms)).session_id for ms in TIMES]
    page = await database.read(lambda tx: tx.sessions.page({}, None, 10, 10))
    assert [record["session_id"] for record in page["data"]] == sessions[::-1]
    await say(database, sessions[0], *"abc")
    page = await database.read(lambda tx: tx.messages.page({}, None, 10, 10))
    assert [record["content"] for record in page["data"]] == ["a", "b", "c"]


async def test_a_worktree_in_the_making_is_listed_only_for_who_asks(database: Database) -> None:
    """`preparing` worktrees are found by status or id, and not otherwise."""
    from agor_core.models import Repo, Worktree

    def work(tx: Transaction) -> Worktree:
        repo = tx.repos.add(Repo(slug="r"))
        return tx.worktrees.add(Worktree(repo_id=repo.repo_id, name="w"))

    worktree = await database.write(work)
    for query, total in (({}, 0), ({"status": "preparing"}, 1), ({"worktree_id": worktree.worktree_id}, 1)):
        page = await page_of(database, "worktrees", query)
        assert page["total"] == total
