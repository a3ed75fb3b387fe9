"""Short ids: any prefix of four digits is understood, and what is shown stays unambiguous."""

from __future__ import annotations

import asyncio

import pytest
import sqlalchemy as sa

from agor_core.db import Database, Reader, Transaction, open_database
from agor_core.db.change_log import EVENTS, HEAD
from agor_core.errors import BadRequest, Conflict, NotFound
from agor_core.ids import new_id
from agor_core.models import Board, Repo, Session, SessionData
from agor_core.models.wire import to_wire
from tests.support.records import a_session

NOW = 1_800_000_000_000


def id_at(ms: int, tail: str = "0" * 18) -> str:
    """A UUIDv7 of that time."""
    digits = f"{ms:012x}7{tail}".ljust(32, "0")[:32]
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


async def resolved(database: Database, text: str) -> str:
    """The id that is meant."""
    return await database.read(lambda tx: tx.sessions.resolve(text))


async def store(database: Database, *ids: str) -> None:
    """Sessions with these ids."""
    await database.write(lambda tx: tx.sessions.add_many([Session(agent="x", session_id=id) for id in ids]))


async def test_a_prefix_means_the_one_id_that_begins_with_it(database: Database) -> None:
    """Four digits or more, hyphens and case ignored, are as good as the id."""
    session = await a_session(database)
    digits = session.session_id.replace("-", "")
    for text in (digits[:4], digits[:13].upper(), session.session_id[:20], digits, session.session_id):
        assert await resolved(database, text) == session.session_id


async def test_an_ambiguous_prefix_names_its_candidates(database: Database) -> None:
    """Several matches are a conflict with at most ten candidates, of those the reader may see."""
    ids = [id_at(NOW, f"{nth:018x}") for nth in range(12)]
    await store(database, *ids)
    with pytest.raises(Conflict) as refused:
        await database.read(lambda tx: tx.sessions.resolve(ids[0][:8]))
    assert isinstance(refused.value.data, dict)
    assert refused.value.data["reason"] == "ambiguous-id"
    assert [candidate["id"] for candidate in refused.value.data["candidates"]] == ids[:10]
    hide = {"sharing": "private"}
    await database.write(lambda tx: [tx.sessions.patch(id, hide) for id in ids[1:]])
    assert await database.read(lambda tx: tx.sessions.resolve(ids[0][:8], Reader("bob", False))) == ids[0]


@pytest.mark.parametrize("text", ["abc", "zzzz", "ffff", "", "0" * 33, "no such thing"])
async def test_what_means_nothing_is_not_found(database: Database, text: str) -> None:
    """Too short, no digits, or nobody's: not found."""
    await a_session(database)
    with pytest.raises(NotFound):
        await database.read(lambda tx: tx.sessions.resolve(text))


async def test_a_slug_wins_over_a_prefix(database: Database) -> None:
    """On boards and repos an exact slug is an id, even one that looks like a prefix."""
    board = await database.write(lambda tx: tx.boards.add(Board(name="Dead beef", slug="deadbeef")))
    repo = await database.write(lambda tx: tx.repos.add(Repo(slug="me/thing")))
    assert await database.read(lambda tx: tx.boards.resolve("deadbeef")) == board.board_id
    assert await database.read(lambda tx: tx.repos.resolve("me/thing")) == repo.repo_id


async def test_short_ids_in_queries_are_understood(database: Database) -> None:
    """Where an id field is compared by equality or `$in`, at any depth, a prefix or slug will do."""
    board = await database.write(lambda tx: tx.boards.add(Board(name="B", slug="b-board")))
    session = await a_session(database, board_id=board.board_id)
    short = session.session_id[:13]
    query = {"$or": [{"session_id": {"$in": [short]}}, {"board_id": "b-board"}], "agent": "scripted"}
    resolved = await database.read(lambda tx: tx.sessions.resolve_query(query))
    assert resolved == {
        "$or": [{"session_id": {"$in": [session.session_id]}}, {"board_id": board.board_id}],
        "agent": "scripted",
    }


@pytest.mark.parametrize(
    ("age_ms", "digits"), [(0, 12), (15, 12), (16, 11), (255, 11), (256, 10), (4096, 9), (65_535, 9), (65_536, 8)]
)
async def test_a_young_id_is_shown_longer(url: str, age_ms: int, digits: int) -> None:
    """An id is shown with as many digits as no later one can share."""
    with open_database(url, clock=lambda: NOW + age_ms) as database:
        await store(database, id_at(NOW))
        (shown,) = (await database.read(lambda tx: tx.sessions.short_ids([id_at(NOW)]))).values()
        assert len(shown) == digits


async def test_a_neighbour_makes_an_id_longer(url: str) -> None:
    """Two old ids that share more than eight digits are shown one digit beyond what they share."""
    one, other = id_at(NOW, "a0"), id_at(NOW, "b0")
    with open_database(url, clock=lambda: NOW + 10**9) as database:
        await store(database, one, other)
        shown = await database.read(lambda tx: tx.sessions.short_ids([one, other]))
        assert shown == {one: one.replace("-", "")[:14], other: other.replace("-", "")[:14]}
        for id, text in shown.items():
            assert await resolved(database, text) == id


async def test_a_short_id_that_was_shown_gets_longer_when_an_import_brings_a_neighbour(url: str) -> None:
    """What one process knows of old ids it forgets as soon as it hears that another stored an old one."""
    one, other = id_at(NOW, "a0"), id_at(NOW, "b0")
    with open_database(url, clock=lambda: NOW + 10**9) as database, open_database(url) as importer:
        await store(database, one)
        heard = asyncio.Event()
        await database.change_log.start()
        database.change_log.subscribe(lambda _batch: heard.set())
        for _ in range(2):
            assert await database.read(lambda tx: tx.sessions.short_ids([one])) == {one: one.replace("-", "")[:8]}
        await store(importer, other)
        await asyncio.wait_for(heard.wait(), 30)
        assert await database.read(lambda tx: tx.sessions.short_ids([one])) == {one: one.replace("-", "")[:14]}
        await database.change_log.stop()


@pytest.mark.parametrize("replaced", ["by another history", "beyond what is kept"])
async def test_what_is_known_of_ids_goes_when_the_log_breaks_off(url: str, replaced: str) -> None:
    """After a restore, or where lines were pruned before this process saw them, nothing it knew of old ids is shown."""
    one, other = id_at(NOW, "a0"), id_at(NOW, "b0")
    with open_database(url, clock=lambda: NOW + 10**9) as database, open_database(url) as elsewhere:
        await store(database, one)
        broken = asyncio.Event()
        await database.change_log.start()
        database.change_log.on_break(broken.set)
        assert await database.read(lambda tx: tx.sessions.short_ids([one])) == {one: one.replace("-", "")[:8]}

        def restored(tx: Transaction) -> None:
            unannounced = Session(agent="x", session_id=other)
            tx.sessions.fill_in(unannounced)
            tx.sessions.insert([unannounced])
            if replaced == "by another history":
                tx.connection.execute(sa.update(HEAD).values(epoch=new_id()))
            else:
                # As if many lines were written and pruned while this process was busy.
                tx.connection.execute(sa.update(HEAD).values(seq=HEAD.c.seq + 1000))
                tx.connection.execute(sa.delete(EVENTS))

        await elsewhere.write(restored)
        await asyncio.wait_for(broken.wait(), 30)
        shown = await database.read(lambda tx: tx.sessions.short_ids([one]))
        assert shown == {one: one.replace("-", "")[:14]}
        assert await database.read(lambda tx: tx.sessions.resolve(shown[one])) == one
        await database.change_log.stop()


async def test_text_that_no_database_holds_is_no_outage(database: Database) -> None:
    """A slug or address with NUL in it is not found, or refused where the backend has no such text; never a 503."""
    for look in (
        lambda tx: tx.boards.resolve("a\0b"),
        lambda tx: tx.repos.resolve("a\0b"),
        lambda tx: tx.users.get("a\0b"),
    ):
        with pytest.raises((NotFound, BadRequest)):
            await database.read(look)


async def test_who_makes_a_session_is_told_what_others_will_read(database: Database) -> None:
    """The answer is the record as it is stored, on the default board where none is named, and the short id of then."""

    def work(tx: Transaction) -> int:
        other = tx.boards.add(Board(name="B", slug="b")).board_id
        for board_id, on in ((None, tx.boards.default_id()), (other, other)):
            made = tx.sessions.make(Session(agent="x", board_id=board_id, data=SessionData(title="needle")))
            short_id = made.pop("short_id")
            assert made["board_id"] == on is not None
            assert made == to_wire(tx.sessions.get(made["session_id"]))
            assert tx.sessions.short_ids([made["session_id"]]) == {made["session_id"]: short_id}
        return int(tx.sessions.page({"$search": "needle"}, None, 10, 10)["total"])

    assert await database.write(work) == 2
    _, newest = await database.change_log.position()
    announced = [line.event for line in await database.change_log.after(newest - 3, 10)]
    assert announced == ["created", "created", "created"]


async def test_a_session_made_beside_others_of_its_moment_is_told_apart_at_once(database: Database) -> None:
    """The short id in the answer is as long as those before and behind it in the index demand."""
    before, own, behind = id_at(NOW, "ab0"), id_at(NOW, "abc"), id_at(NOW, "b00")
    await store(database, before, behind)
    made = await database.write(lambda tx: tx.sessions.make(Session(agent="x", session_id=own)))
    assert made["short_id"] == own.replace("-", "")[:16]
    assert await database.read(lambda tx: tx.sessions.resolve(made["short_id"])) == own
