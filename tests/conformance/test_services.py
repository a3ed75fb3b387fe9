"""Services answer the same behind every door."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.doors import Door, Refused, Socket


async def test_a_record_lives_from_create_to_remove(door: Door) -> None:
    """The six standard methods work on a record, and the last leaves nothing."""
    made = await door.call("create", "people", {"name": "Ann", "age": 33})
    id = made["id"]
    assert made == {"name": "Ann", "age": 33, "id": id}
    assert await door.call("get", "people", id) == made
    assert await door.call("find", "people") == [made]
    assert await door.call("patch", "people", id, {"age": 34}) == {"name": "Ann", "age": 34, "id": id}
    assert await door.call("update", "people", id, {"name": "Bea"}) == {"name": "Bea", "id": id}
    assert await door.call("remove", "people", id) == {"name": "Bea", "id": id}
    assert await door.call("find", "people") == []


@pytest.mark.parametrize("id", ["012", "1_2", "12.0", " 12", "٣", "nope", ""])
async def test_an_id_is_found_by_its_decimal_text_only(door: Door, id: str) -> None:
    """What merely looks like a number is no id."""
    for _ in range(12):
        await door.call("create", "people", {})
    assert (await door.call("get", "people", "12"))["id"] == 12
    if id == "" and door.name == "rest":
        return  # an empty id is no id: this would be find
    with pytest.raises(Refused, match="NotFound: No record found for id"):
        await door.call("get", "people", id)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, ["Ann", "Bea", "Cid", "Dan"]),
        ({"name": "Ann"}, ["Ann"]),
        ({"age": 20}, ["Bea"]),
        ({"age": {"$in": [10, 20]}}, ["Ann", "Bea"]),
        ({"age": {"$in": list(range(10, 40))}}, ["Ann", "Bea", "Cid"]),
        ({"age": {"$in": []}}, []),
        ({"age": {"$nin": [10, 20, 30]}}, ["Dan"]),
        ({"age": {"$lt": 20}}, ["Ann"]),
        ({"age": {"$lte": 20}}, ["Ann", "Bea"]),
        ({"age": {"$gt": 20}}, ["Cid"]),
        ({"age": {"$gte": 20, "$ne": 30}}, ["Bea"]),
        ({"created": True}, ["Ann", "Cid"]),
        ({"age": None}, ["Dan"]),
        ({"$or": [{"name": "Ann"}, {"age": 20}]}, ["Ann", "Bea"]),
        ({"$and": [{"created": True}, {"$or": [{"age": {"$in": [30, 99]}}, {"age": 77}]}]}, ["Cid"]),
        ({"$limit": 2, "$skip": 1}, ["Bea", "Cid"]),
        ({"$sort": {"age": -1}, "$limit": 2}, ["Cid", "Bea"]),
        ({"$sort": {"created": 1, "name": -1}}, ["Dan", "Bea", "Cid", "Ann"]),
        ({"$limit": 0}, []),
        ({"pet.name": "Rex"}, ["Cid"]),
        ({"tags": {"$gt": "b"}}, ["Bea"]),
        ({"$or": [{"$and": [{"age": 10}, {"name": "Ann"}]}]}, ["Ann"]),
        ({"$sort": {"age": "upwards"}}, ["Ann", "Bea", "Cid", "Dan"]),
    ],
)
async def test_a_query_finds_the_same_records(door: Door, query: dict[str, Any], names: list[str]) -> None:
    """Operators, branches, sorting and paging mean the same over text and over JSON."""
    for person in (
        {"name": "Ann", "age": 10, "created": True},
        {"name": "Bea", "age": 20, "created": False, "tags": ["a", "c"]},
        {"name": "Cid", "age": 30, "created": True, "pet": {"name": "Rex"}},
        {"name": "Dan", "created": False},
    ):
        await door.call("create", "people", person)
    found = await door.call("find", "people", query=query)
    expected = names if "$sort" not in query or query["$sort"].get("created") is None else ["Dan", "Bea", "Cid", "Ann"]
    assert [person["name"] for person in found] == expected


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"$where": 1}, "Invalid filter value $where"),
        ({"$LIMIT": 1}, "Invalid filter value $LIMIT"),
        ({"age": {"$regex": "x"}}, "Invalid query parameter $regex"),
        ({"age": {"$and": [1]}}, "Invalid query parameter $and"),
        ({"$or": [{"a": {"$foo": 1}}]}, "Invalid query parameter $foo"),
    ],
)
async def test_an_unknown_operator_is_named_and_refused(door: Door, query: dict[str, Any], message: str) -> None:
    """A query is never silently wider than it was meant, whatever the method."""
    made = await door.call("create", "people", {"name": "Ann"})
    for method, arguments in (
        ("find", ()),
        ("get", (made["id"],)),
        ("patch", (made["id"], {})),
        ("update", (made["id"], {})),
        ("remove", (made["id"],)),
    ):
        with pytest.raises(Refused, match="BadRequest") as refused:
            await door.call(method, "people", *arguments, query=query)
        assert refused.value.message == message


async def test_pages_have_a_default_and_a_most(door: Door) -> None:
    """A paged service answers total, limit, skip and data, and never more than its maximum."""
    for number in range(5):
        await door.call("create", "people-paged", {"n": number})
    page = await door.call("find", "people-paged", query={"$sort": {"id": 1}})
    assert page == {"total": 5, "limit": 1, "skip": 0, "data": [{"n": 0, "id": page["data"][0]["id"]}]}
    most = await door.call("find", "people-paged", query={"$limit": 100, "$skip": 3})
    assert (most["limit"], most["skip"], len(most["data"])) == (2, 3, 2)
    count = await door.call("find", "people-paged", query={"$limit": 0})
    assert count == {"total": 5, "limit": 0, "skip": 0, "data": []}
    assert len((await door.call("find", "people-paged3"))["data"]) == 3
    beyond = await door.call("find", "people-paged", query={"$limit": "9" * 20, "$skip": "9" * 20})
    assert (beyond["limit"], beyond["data"]) == (2, [])


async def test_a_query_does_not_matter_to_create(door: Door) -> None:
    """A record is made, whatever is asked of others; only `$select` is looked at."""
    made = await door.call("create", "people", {"name": "Ann"}, query={"$where": 1, "name": "Bea"})
    assert made == {"name": "Ann", "id": made["id"]}


@pytest.mark.parametrize("id", [0, "", None])
async def test_an_id_that_is_none_is_given(door: Door, id: Any) -> None:
    """What JavaScript takes for nothing is no id: the record gets one of its own."""
    made = await door.call("create", "people", {"id": id, "name": "Ann"})
    assert made["id"]
    assert await door.call("get", "people", made["id"]) == made


async def test_null_is_as_large_as_null(listener: Socket) -> None:
    """`$gte` and `$lte` of null find the records that have it, and no others."""
    for age in (None, 1):
        await listener.call("create", "people", {"age": age})
    for operator in ("$gte", "$lte"):
        found = await listener.call("find", "people", query={"age": {operator: None}})
        assert [person["age"] for person in found] == [None]


async def test_several_records_at_once_need_the_setting(door: Door) -> None:
    """Many are made, changed and removed where that is allowed, and refused where it is not."""
    with pytest.raises(Refused, match="Can not create multiple entries"):
        await door.call("create", "people", [{"a": 1}])
    with pytest.raises(Refused, match="Can not patch multiple entries"):
        await door.call("patch", "people", None, {"a": 1})
    with pytest.raises(Refused, match="Can not remove multiple entries"):
        await door.call("remove", "people", None)
    with pytest.raises(Refused, match="You can not replace multiple instances"):
        await door.call("update", "people-multi", None, {"a": 1})
    made = await door.call("create", "people-multi", [{"a": "x"}, {"a": "x"}, {"a": "y"}])
    assert [record["a"] for record in made] == ["x", "x", "y"]
    changed = await door.call("patch", "people-multi", None, {"b": 1}, query={"a": "x"})
    assert changed == [record | {"b": 1} for record in made[:2]]
    assert await door.call("patch", "people-multi", None, {"b": 2}, query={"a": "none"}) == []
    assert len(await door.call("remove", "people-multi", None, query={"a": "x"})) == 2
    assert await door.call("create", "people-multi", []) == []


async def test_of_a_list_that_is_refused_nothing_is_stored(door: Door) -> None:
    """The first record is as it should be, the second is none, or brings an id that is none."""
    for second in ("text", {"id": {"a": 1}}, {"id": True}):
        with pytest.raises(Refused, match=r"JSON object|text or a number"):
            await door.call("create", "people-multi", [{"a": 1}, second])
    assert await door.call("find", "people") == []


async def test_select_always_has_the_id(door: Door) -> None:
    """`$select` limits the answer of every method, never below the id."""
    made = await door.call("create", "people", {"name": "Ann", "age": 1}, query={"$select": ["name"]})
    assert made == {"name": "Ann", "id": made["id"]}
    assert await door.call("get", "people", made["id"], query={"$select": ["age"]}) == {"age": 1, "id": made["id"]}
    assert await door.call("find", "people", query={"$select": ["id"]}) == [{"id": made["id"]}]


async def test_a_query_counts_for_one_record_too(door: Door) -> None:
    """A record that does not match is not found, and not touched."""
    made = await door.call("create", "people", {"name": "Ann"})
    for method, arguments in (("get", ()), ("patch", ({"name": "x"},)), ("update", ({},)), ("remove", ())):
        with pytest.raises(Refused, match="NotFound"):
            await door.call(method, "people", made["id"], *arguments, query={"name": "Bea"})
    assert await door.call("get", "people", made["id"]) == made


@pytest.mark.parametrize("name", ["BadRequest", "Forbidden", "Conflict", "Gone", "NotImplemented", "Unavailable"])
async def test_errors_travel_whole(door: Door, name: str) -> None:
    """Name, code, class name, message, data and errors are the same through every door."""
    with pytest.raises(Refused) as refused:
        await door.call("get", "errors", name)
    error = refused.value.error
    assert error["name"] == name
    assert error["message"] == f"failed with {name}"
    assert error["data"] == {"detail": {"id": name}}
    assert error["errors"] == {"field": "is wrong"}
    assert set(error) == {"name", "message", "code", "className", "data", "errors"}


async def test_an_error_of_ones_own_keeps_its_code(door: Door) -> None:
    """A 418 arrives as a 418."""
    with pytest.raises(Refused) as refused:
        await door.call("get", "errors", "Teapot")
    assert refused.value.error == {
        "name": "Teapot",
        "message": "custom failure",
        "code": 418,
        "className": "teapot",
        "data": {"pot": True},
    }


async def test_prototype_like_keys_are_data(door: Door) -> None:
    """Keys that mean something to JavaScript mean nothing here, and survive."""
    data = {"__proto__": {"x": 1}, "constructor": "c", "toString": None}
    made = await door.call("create", "people", data)
    assert made == data | {"id": made["id"]}
