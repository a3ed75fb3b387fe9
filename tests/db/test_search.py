"""Full-text search: what was said, thought and done is found by its words, by those who may read it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from agor_core.db import Database, Reader, Transaction, search
from agor_core.db.repositories import directions
from agor_core.errors import BadRequest
from agor_core.models import Message, Repo, RepoRef, Session, forked
from agor_core.models.session import Sharing
from tests.support.records import a_session, a_task, page_of, said, say

BOB = Reader("bob", sees_private=False)


async def indices(database: Database, text: str, **query: Any) -> list[int]:
    """The indices of the messages found, best first."""
    page = await database.read(lambda tx: tx.messages.page({"$search": text, **query}, None, 50, 50))
    assert page["total"] == len(page["data"])
    return [record["index"] for record in page["data"]]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("apple", [0, 1]),
        ("APPLE banana", [1]),
        ("banana apple", [1]),
        ('"apple banana"', []),
        ('"banana and apple"', [1]),
        ("appl", []),
        ("appl*", [0, 1]),
        ("main.py", [2]),
        ("src/main", [2]),
        ("main", [2]),
        ("secret_name", [3]),
        ("cherry", []),
        ("straße", [4]),
        ("NOT", []),
        ("or)", []),
        ('apple "', [0, 1]),
    ],
)
async def test_words_are_found(database: Database, text: str, found: list[int]) -> None:
    """All words must be there, in any order and case; phrases in quotes; beginnings with a star; tools' input too."""
    session = await a_session(database)
    tool = [{"type": "tool_use", "id": "toolu_cherry", "name": "Edit", "input": {"path": "src/main.py"}}]
    result = [{"type": "tool_result", "content": [{"type": "text", "text": "found secret_name"}]}]
    for content in ("an apple", "a banana and apple", tool, result, "die Straße"):
        message = Message(session_id="", type="user", role="user")
        message.data.content = content
        await say(database, session.session_id, message)
    assert sorted(await indices(database, text)) == found


@pytest.fixture(
    params=[
        "hit by hit",
        "gathered",
        "row by row",
        "left out",
        "first in order",
        "more and more in order",
        "too few first in order",
    ]
)
def direction(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each way a search can go, however few there are."""
    ways: dict[str, dict[str, float]] = {
        "hit by hit": {},
        "gathered": {"FEW_HITS": 1, "WORTH_IT": 1 / 1000},
        "row by row": {"FEW_HITS": 1, "MOST_HITS": 1, "WORTH_IT": 1 / 1000, "RARE": 1},
        "left out": {"FEW_HITS": 1, "MOST_GATHERED": 0},
        "first in order": {"MANY_HITS": 0, "FIRST_LOOKED_AT": 20},
        "more and more in order": {"MANY_HITS": 0, "FIRST_LOOKED_AT": 1, "WORTH_IT": 1 / 1000, "THEN_TIMES": 2},
        "too few first in order": {"MANY_HITS": 0, "FIRST_LOOKED_AT": 1, "MOST_GATHERED": 4},
    }
    for name, value in ways[request.param].items():
        monkeypatch.setattr(directions, name, value)
    return str(request.param)


@pytest.mark.usefixtures("direction")
async def test_whichever_way_a_search_goes_it_finds_the_same(database: Database) -> None:
    """From the words to the records or the other way: the same hits in the same order, and as many, for each filter,
    and for who may see all and who may not."""
    owners: list[tuple[str, Sharing]] = [("ann", "private"), ("bob", "private"), ("ann", "everyone")]
    sessions = [
        Session(agent=agent, created_by=owner, sharing=sharing, archived=archived)
        for agent in ("codex", "gemini")
        for owner, sharing in owners
        for archived in (True, False)
    ]
    for nth, session in enumerate(sessions):
        session.data.title = "plum" if nth % 2 else None
    await database.write(lambda tx: tx.sessions.add_many(sessions))
    for nth in range(3 * len(sessions)):
        message = said("plum " * (nth % 5 + 1) if nth % 7 else "nothing")
        message.timestamp, message.role = 1_000 * nth + 1, "user" if nth % 2 else "assistant"
        of = sessions[nth % len(sessions)]
        await say(database, of.session_id, message)
    ids = [session.session_id for session in sessions]
    agents = {session.session_id: session.agent for session in sessions}
    archived = {session.session_id: session.archived for session in sessions}
    titles = {session.session_id: session.data.title for session in sessions}
    filters: list[tuple[dict[str, Any], Callable[[dict[str, Any]], bool]]] = [
        ({}, lambda one: True),
        ({"session_id": ids[3]}, lambda one: one["session_id"] == ids[3]),
        ({"session_id": {"$in": ids[2:5]}}, lambda one: one["session_id"] in ids[2:5]),
        ({"session_id": {"$ne": ids[3]}}, lambda one: one["session_id"] != ids[3]),
        ({"session_id": {"$in": ids[2:5], "$ne": ids[3]}}, lambda one: one["session_id"] in (ids[2], ids[4])),
        ({"session.agent": "codex"}, lambda one: agents[one["session_id"]] == "codex"),
        ({"session.agent": "x"}, lambda one: False),
        ({"session.agent": {"$ne": "codex"}}, lambda one: agents[one["session_id"]] != "codex"),
        (
            {"session.agent": "codex", "session.archived": True},
            lambda one: agents[one["session_id"]] == "codex" and archived[one["session_id"]],
        ),
        # No index knows titles.
        ({"session.title": "plum"}, lambda one: titles[one["session_id"]] == "plum"),
        (
            {"session.archived": False, "role": "user"},
            lambda one: not archived[one["session_id"]] and one["role"] == "user",
        ),
        ({"role": {"$ne": "user"}}, lambda one: one["role"] != "user"),
        (
            {"timestamp": {"$gte": "1970-01-01T00:00:09.000Z"}},
            lambda one: one["timestamp"] >= "1970-01-01T00:00:09.000Z",
        ),
        (
            {"timestamp": {"$gt": "1970-01-01T00:00:04.000Z", "$lte": "1970-01-01T00:00:09.001Z"}},
            lambda one: "1970-01-01T00:00:04.000Z" < one["timestamp"] <= "1970-01-01T00:00:09.001Z",
        ),
        ({"task_id": None, "session.agent": "gemini"}, lambda one: agents[one["session_id"]] == "gemini"),
        ({"task_id": {"$ne": None}}, lambda one: False),
        ({"content_preview": {"$ne": None}, "role": "user"}, lambda one: one["role"] == "user"),
        # Nearly all pass, or what is compared is null with all.
        ({"content_preview": {"$ne": "plum"}}, lambda one: one["content_preview"] != "plum"),
        ({"metadata.model": "x"}, lambda one: False),
        ({"metadata.model": {"$ne": "x"}, "role": "user"}, lambda one: one["role"] == "user"),
        ({"content_preview": {"$gt": "plum plum p"}}, lambda one: one["content_preview"] > "plum plum p"),
        (
            {"$or": [{"role": "user"}, {"session_id": ids[1]}]},
            lambda one: one["role"] == "user" or one["session_id"] == ids[1],
        ),
    ]
    for reader in (None, BOB, Reader("ann", sees_private=False)):

        async def found(
            query: Mapping[str, Any], path: str = "messages", reader: Reader | None = reader
        ) -> list[dict[str, Any]]:
            asked = {"$search": "plum", **query}
            page = await page_of(database, path, asked, reader)
            assert page["total"] == len(page["data"]), (query, reader)
            return list(page["data"])

        whole = await found({})
        listed = await page_of(database, "messages", {}, reader)
        assert {one["message_id"] for one in whole} == {
            one["message_id"] for one in listed["data"] if "plum" in one["content"]
        }
        for query, passes in filters:
            expected = [one["message_id"] for one in whole if passes(one)]
            assert [one["message_id"] for one in await found(query)] == expected, query
            in_time = await found({**query, "$sort": {"timestamp": -1}})
            assert [one["message_id"] for one in in_time] == sorted(
                expected, key=[one["message_id"] for one in sorted(whole, key=lambda one: one["timestamp"])].index
            )[::-1]
        for key, narrowed in (
            ("timestamp", {}),
            ("timestamp", {"timestamp": {"$lt": "1970-01-01T00:00:20.000Z"}, "role": "user"}),
            ("created_at", {"session.agent": "codex"}),
            ("role", {"task_id": None}),
            # No index has these in their order.
            ("index", {}),
            ("content_preview", {"session.agent": "codex"}),
        ):
            for sort in ({key: -1}, {key: 1}):
                query = {**narrowed, "$sort": sort}
                pages = [
                    await page_of(
                        database, "messages", {"$search": "plum", **query, "$limit": 4, "$skip": skip}, reader
                    )
                    for skip in range(0, len(whole), 4)
                ]
                in_pages = [one["message_id"] for page in pages for one in page["data"]]
                assert in_pages == [one["message_id"] for one in await found(query)]
        titled = [session for session in sessions if session.data.title]
        seen = [
            one for one in titled if reader is None or one.sharing == "everyone" or one.created_by == reader.user_id
        ]
        assert {one["session_id"] for one in await found({}, "sessions")} == {one.session_id for one in seen}
        assert {one["session_id"] for one in await found({"agent": "codex"}, "sessions")} == {
            one.session_id for one in seen if one.agent == "codex"
        }


@pytest.mark.usefixtures("direction")
async def test_a_history_is_searched_whichever_way_that_goes(database: Database) -> None:
    """What a fork inherits is found in it, what came after it was forked off is not; nor is what is said elsewhere."""
    root = await a_session(database)
    task = await a_task(database, root.session_id, "a plum", "no fruit", "another plum")
    fork = await database.write(lambda tx: tx.sessions.add(forked(root, point=task, created_by=None)))
    await a_task(database, root.session_id, "a late plum")
    await a_task(database, fork.session_id, "a plum of its own")
    child = await database.write(lambda tx: tx.sessions.add(forked(fork, point=None, created_by=None)))
    elsewhere = await a_session(database)
    await a_task(database, elsewhere.session_id, *(f"plum {nth}" for nth in range(9)))
    for session, found in ((root, [0, 2, 3]), (fork, [0, 2, 3]), (child, []), (elsewhere, list(range(9)))):
        query = {"session_id": session.session_id, "$history": True}
        assert sorted(await indices(database, "plum", **query)) == found
        assert await indices(database, "plum", **query, **{"$sort": {"index": 1}}) == found
    assert await indices(database, "plum", session_id=child.session_id) == []


async def test_search_goes_with_filters_and_pages(database: Database) -> None:
    """A search may be narrowed like any list, sorted, and read page by page."""
    one, other = await a_session(database), await a_session(database)
    await say(database, one.session_id, *(f"plum {nth}" for nth in range(5)))
    await say(database, other.session_id, "plum")
    assert len(await indices(database, "plum")) == 6
    assert sorted(await indices(database, "plum", session_id=one.session_id)) == [0, 1, 2, 3, 4]
    assert await indices(database, "plum", session_id=one.session_id, **{"$sort": {"index": -1}}) == [4, 3, 2, 1, 0]
    query = {"$search": "plum", "session_id": one.session_id, "$limit": 2, "$skip": 4}
    page = await database.read(lambda tx: tx.messages.page(query, None, 50, 50))
    assert (page["total"], len(page["data"])) == (5, 1)


async def test_a_snippet_shows_the_hit_in_its_place(database: Database) -> None:
    """Each record found has the passage around the first hit, in parts that say which of them match."""
    session = await a_session(database)
    text = "before " * 100 + "the Needle here" + " after" * 100
    await database.write(lambda tx: tx.messages.append(session.session_id, said(text)))
    page = await database.read(lambda tx: tx.messages.page({"$search": "needle"}, None, 50, 50))
    snippet = page["data"][0]["snippet"]
    assert [part["text"] for part in snippet if part["is_match"]] == ["Needle"]
    joined = "".join(part["text"] for part in snippet)
    assert "the Needle here after" in joined
    assert joined.startswith("…")
    assert joined.endswith("…")
    assert len(joined) < 200


async def test_the_more_often_the_better(database: Database) -> None:
    """The best hit comes first."""
    session = await a_session(database)
    await say(database, session.session_id, "pear and many other words that are not it", "pear pear pear")
    assert await indices(database, "pear") == [1, 0]


async def test_of_very_many_hits_the_newest_are_ranked(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the newest so many, hits are not compared any more: they follow, the newest first, on all pages alike."""
    monkeypatch.setattr(search, "MOST_RANKED", 3)
    session = await a_session(database)
    texts = ("pear pear pear", "pear", "one pear", "pear pear", "one pear of many words", "pear")
    await say(database, session.session_id, *texts)
    whole = await indices(database, "pear")
    assert set(whole[:3]) == {3, 4, 5}
    assert whole[0] == 3
    assert whole[3:] == [2, 1, 0]
    paged = []
    for skip in range(6):
        page = await page_of(database, "messages", {"$search": "pear", "$limit": 1, "$skip": skip})
        paged += [record["index"] for record in page["data"]]
    assert paged == whole


async def test_a_search_is_narrowed_by_session_agent_repo_and_date(database: Database) -> None:
    """Messages are found in one session, in sessions of an agent, repo or board, and in a span of time, alone and
    together; what a session has not is a 400."""
    repo = await database.write(lambda tx: tx.repos.add(Repo(slug="me/thing")))
    one, other = Session(agent="codex"), Session(agent="gemini")
    one.data.repo = RepoRef(repo_id=repo.repo_id, repo_slug="me/thing", cwd="/tmp")
    await database.write(lambda tx: tx.sessions.add_many([one, other]))
    for session, at in ((one, 1_000), (other, 2_000), (one, 3_000), (other, 4_000)):
        message = said("plum")
        message.timestamp = at
        await say(database, session.session_id, message)

    async def times(**query: Any) -> list[str]:
        asked = {"$search": "plum", "$sort": {"timestamp": 1}, **query}
        resolved = await database.read(lambda tx: tx.messages.resolve_query(asked))
        page = await database.read(lambda tx: tx.messages.page(resolved, BOB, 50, 50))
        assert page["total"] == len(page["data"])
        unsorted = {key: value for key, value in resolved.items() if key != "$sort"}
        best = await database.read(lambda tx: tx.messages.page(unsorted, BOB, 50, 50))
        listed = {key: value for key, value in resolved.items() if key != "$search"}
        every = await database.read(lambda tx: tx.messages.page(listed, BOB, 50, 50))
        found = [record["message_id"] for record in page["data"]]
        assert {record["message_id"] for record in best["data"]} == set(found)
        assert [record["message_id"] for record in every["data"]] == found
        return [record["timestamp"][17:20] for record in page["data"]]

    assert await times(session_id=one.session_id) == ["01.", "03."]
    assert await times(**{"session.agent": "gemini"}) == ["02.", "04."]
    assert await times(**{"session.repo.repo_id": repo.repo_id[:13]}) == ["01.", "03."]
    assert await times(**{"session.board_id": None}) == ["01.", "02.", "03.", "04."]
    assert await times(timestamp={"$gt": "1970-01-01T00:00:02.000Z"}) == ["03.", "04."]
    late = {"timestamp": {"$gte": "1970-01-01T00:00:02.000Z"}}
    assert await times(**{"session.agent": {"$in": ["codex", "x"]}, **late}) == ["03."]
    assert await times(**{"session.agent": "codex", "session_id": other.session_id}) == []
    for wrong in ("session.nothing", "session.", "session.$limit", "sessions.agent"):
        with pytest.raises(BadRequest):
            await times(**{wrong: 1})


@pytest.mark.parametrize("most", [1, 4, 1000])
async def test_pages_of_many_hits_neither_repeat_nor_skip(
    database: Database, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """Of hits that rank alike the newest come first, page by page, whatever else ranks better or is private, and
    however few of them are ranked."""
    monkeypatch.setattr(search, "MOST_RANKED", most)
    better = [Session(agent="x") for _ in range(20)]
    for session in better:
        session.data.title = "plum"
    await database.write(lambda tx: tx.sessions.add_many(better))
    seen = await a_session(database)
    secret = await a_session(database, sharing="private", created_by="ann")
    for session in (secret, seen):
        await a_task(database, session.session_id, *["one plum among words"] * 7)
    found = []
    for skip in range(0, 9, 3):
        query = {"$search": "plum", "$limit": 3, "$skip": skip}
        page = await page_of(database, "messages", query, BOB)
        assert page["total"] == 7
        assert all(part["text"] for record in page["data"] for part in record["snippet"])
        found += [record["index"] for record in page["data"]]
    assert found == [6, 5, 4, 3, 2, 1, 0]


async def test_sessions_are_found_by_title_as_it_is_now(database: Database) -> None:
    """A new title is found, the old one no more; and a removed session not at all, nor what was said in it."""
    session = Session(agent="x")
    session.data.title = "old name"
    stored = await database.write(lambda tx: tx.sessions.add(session))
    await a_task(database, stored.session_id, "grape")

    async def found(text: str) -> int:
        page = await database.read(lambda tx: tx.sessions.page({"$search": text}, None, 10, 10))
        return int(page["total"])

    assert await found("old") == 1
    await database.write(lambda tx: tx.sessions.patch(stored.session_id, {"title": "new name"}))
    assert (await found("old"), await found("new")) == (0, 1)
    await database.write(lambda tx: tx.sessions.remove(stored.session_id))
    assert (await found("new"), await indices(database, "grape")) == (0, [])


async def test_private_words_are_found_by_nobody_else(database: Database) -> None:
    """What is said in a private session, and its title, is not found, nor counted, by others, in whatever order."""
    secret = await a_session(database, sharing="private", created_by="ann")
    await database.write(lambda tx: tx.sessions.patch(secret.session_id, {"title": "quince"}))
    await a_task(database, secret.session_id, "quince")
    for order in ({}, {"$sort": {"created_at": -1}}):
        for path in ("messages", "sessions"):
            for reader, total in ((BOB, 0), (Reader("ann", sees_private=False), 1)):
                page = await page_of(database, path, {"$search": "quince", **order}, reader)
                assert (page["total"], len(page["data"])) == (total, total)


@pytest.mark.usefixtures("direction")
async def test_asking_about_sessions_tells_nothing_that_is_hidden(database: Database) -> None:
    """A shared child of a private session is not found by that parent, which does not exist for the reader."""
    parent = await a_session(database, sharing="private", created_by="ann")
    child = await a_session(database, parent_session_id=parent.session_id, created_by="ann")
    await database.write(lambda tx: tx.messages.append(child.session_id, said("quince")))
    for query in (
        {"session.parent_session_id": parent.session_id},
        {"session.genealogy.parent_session_id": {"$ne": None}},
    ):
        for more in ({}, {"$search": "quince"}):
            for reader, total in ((BOB, 0), (Reader("ann", sees_private=False), 1)):
                page = await page_of(database, "messages", {**query, **more}, reader)
                assert (page["total"], len(page["data"])) == (total, total)


async def test_what_was_rolled_back_is_not_found(database: Database) -> None:
    """The index is part of the transaction."""
    session = await a_session(database)

    def work(tx: Transaction) -> None:
        tx.messages.append(session.session_id, said("fig"))
        raise BadRequest("no")

    with pytest.raises(BadRequest):
        await database.write(work)
    assert await indices(database, "fig") == []


@pytest.mark.parametrize("text", ["", "   ", "***", 5, None, {"$ne": 1}, "a " * 30, '"' + "a " * 300 + '"'])
async def test_a_search_without_words_is_refused(database: Database, text: Any) -> None:
    """Nothing to look for, or far too much, is a 400."""
    with pytest.raises(BadRequest):
        await database.read(lambda tx: tx.messages.page({"$search": text}, None, 10, 10))


ODD = [
    *("'", '"', "a' OR 1=1 --", "x) OR (1", "NEAR(a b)", "a AND", "NOT a", "-a", "a:*", "a <-> b", "& | !", "body:a"),
    *("search_index:a", "a^2", "^a", "{a b}:c", "a+b", "\\", "%", "_", "*", "a**", "**a", '"a', 'a"b"c', '"a* b"'),
    *(
        "a\0b",
        "\ud800",
        "é",
        "e\u0301",
        "ﬁ",
        "²",
        "½",
        "١٢٣",
        "日本語",
        "👍",
        "İ",
        "a\u200bb",
        "\u202e",
        "the",
        "the and",
    ),
    *("1e5", "3.14", "http://example.com/a?b=c", "/usr/lib/x.py", "C:\\x", "a.b.c", "<b>x</b>", "__init__", "ÀÉ"),
    *(
        "x" * 10_000,
        "é" * 10_000,
        "👍" * 10_000,
        "word " * 2_000,
        '"' + "w " * 5_000 + '"',
        '"' * 10_000,
        "x" * 10_000 + "*",
    ),
]


async def test_whatever_is_typed_is_looked_for_or_refused(database: Database) -> None:
    """Quotes, operators of the databases, odd characters and very long texts are words to be found, or a 400; and what
    was said with them is stored and listed in any case."""
    session = await a_session(database)
    await say(database, session.session_id, *ODD)
    assert (await database.read(lambda tx: tx.messages.page({}, BOB, 1, 1)))["total"] == len(ODD)
    for text in ODD:
        for path in ("messages", "sessions"):
            try:
                page = await page_of(database, path, {"$search": text, "$limit": len(ODD)}, BOB, most=100)
            except BadRequest:
                page = {"total": 0, "data": []}
            assert page["total"] == len(page["data"])
    for text in ("NOT a", "a' OR 1=1 --", "http://example.com/a?b=c", "e\u0301", "日本語", "__init__", "ÀÉ", "3.14"):
        page = await page_of(database, "messages", {"$search": text, "$limit": len(ODD)}, BOB, most=100)
        assert text in [record["content"] for record in page["data"]]


async def test_only_what_has_words_can_be_searched(database: Database) -> None:
    """`$search` on anything but sessions and messages is a 400."""
    with pytest.raises(BadRequest):
        await database.read(lambda tx: tx.boards.page({"$search": "x"}, None, 10, 10))
