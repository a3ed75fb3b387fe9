"""The tree of sessions: what forks inherit, who is whose ancestor, and who may know of whom."""

from __future__ import annotations

import pytest

from agor_core.db import Database, Reader, Transaction
from agor_core.errors import Conflict, NotFound
from agor_core.ids import new_id
from agor_core.models import PermissionRequest, Repo, RepoRef, Session, forked, spawned
from tests.support.records import a_session, a_task, an_answer, page_of, said, stored

ANN, BOB = Reader("ann", sees_private=False), Reader("bob", sees_private=False)
ADMIN = Reader("root", sees_private=True)


async def history(database: Database, session_id: str) -> list[str]:
    """What a session's agent knows, as its clients read it."""
    query = {"session_id": session_id, "$history": True}
    page = await database.read(lambda tx: tx.messages.page(query, None, 100, 100))
    assert page["total"] == len(page["data"])
    told = await database.read(lambda tx: tx.messages.history(session_id))
    assert [message.data.content for message in told] == [record["content"] for record in page["data"]]
    return [record["content"] for record in page["data"]]


async def test_a_fork_shares_the_history_up_to_its_fork_point(database: Database) -> None:
    """A fork of a fork inherits from both, up to each fork point, and goes on with indices of its own."""
    root = await a_session(database)
    first = await a_task(database, root.session_id, "a", "b")
    await a_task(database, root.session_id, "c")
    fork = await database.write(lambda tx: tx.sessions.add(forked(root, point=first, created_by="ann")))
    second = await a_task(database, fork.session_id, "d")
    await a_task(database, fork.session_id, "e")
    grandchild = await database.write(lambda tx: tx.sessions.add(forked(fork, point=second, created_by="ann")))
    own = await database.write(lambda tx: tx.messages.append(grandchild.session_id, said("f")))
    assert await history(database, root.session_id) == ["a", "b", "c"]
    assert await history(database, fork.session_id) == ["a", "b", "d", "e"]
    assert await history(database, grandchild.session_id) == ["a", "b", "d", "f"]
    assert own.index == 3
    read = await database.read(lambda tx: tx.sessions.get(grandchild.session_id))
    assert read.message_count == 1


async def test_a_fork_may_begin_where_its_parent_inherited(database: Database) -> None:
    """The fork point may be a task of an ancestor; what came after it is not shared."""
    root = await a_session(database)
    first, second = [await a_task(database, root.session_id, word) for word in "ab"]
    fork = await database.write(lambda tx: tx.sessions.add(forked(root, point=second, created_by=None)))
    other = await database.write(lambda tx: tx.sessions.add(forked(fork, point=first, created_by=None)))
    await database.write(lambda tx: tx.messages.append(other.session_id, said("c")))
    assert await history(database, other.session_id) == ["a", "c"]


async def test_a_fork_of_nothing_shares_nothing(database: Database) -> None:
    """Without a fork point the history begins with the fork."""
    root = await a_session(database)
    await a_task(database, root.session_id, "a")
    fork = await database.write(lambda tx: tx.sessions.add(forked(root, point=None, created_by=None)))
    assert await history(database, fork.session_id) == []


async def test_genealogy_is_complete_at_any_depth(database: Database) -> None:
    """Ancestors nearest first, descendants by depth, children apart; through forks and spawned sessions alike."""
    line = [await a_session(database)]
    for nth in range(10):
        make = forked if nth % 2 else spawned
        child = make(line[-1], point=None, created_by=None)
        line.append(await stored(database, child))
    sibling = await database.write(lambda tx: tx.sessions.add(spawned(line[5], point=None, created_by=None)))
    await a_session(database)
    ids = [session.session_id for session in line]
    family = await database.read(lambda tx: tx.sessions.genealogy(ids[5]))
    assert family["session"]["session_id"] == ids[5]
    assert [record["session_id"] for record in family["ancestors"]] == ids[4::-1]
    assert {record["session_id"] for record in family["descendants"]} == {*ids[6:], sibling.session_id}
    assert [record["session_id"] for record in family["children"]] == [ids[6], sibling.session_id]


async def test_a_session_with_living_forks_stays(database: Database) -> None:
    """Removing it is a conflict that names the forks; once they are gone it goes."""
    root = await a_session(database)
    fork = await database.write(lambda tx: tx.sessions.add(forked(root, point=None, created_by=None)))
    with pytest.raises(Conflict) as refused:
        await database.write(lambda tx: tx.sessions.remove(root.session_id))
    assert isinstance(refused.value.data, dict)
    assert refused.value.data["forks"] == [fork.session_id]
    await database.write(lambda tx: tx.sessions.remove(fork.session_id))
    await database.write(lambda tx: tx.sessions.remove(root.session_id))


async def test_spawned_children_outlive_their_parent(database: Database) -> None:
    """A child whose parent is removed has none any more, in its column and in its genealogy."""
    parent = await a_session(database)
    child = await database.write(lambda tx: tx.sessions.add(spawned(parent, point=None, created_by=None)))
    await database.write(lambda tx: tx.sessions.remove(parent.session_id))
    record = await database.read(lambda tx: tx.sessions.record(child.session_id))
    assert (record["parent_session_id"], record["genealogy"]["parent_session_id"]) == (None, None)


async def test_a_private_session_exists_for_its_creator_and_admins_only(database: Database) -> None:
    """For others it is missing from get, lists, totals, trees, prefixes, boards and events, with all that is in it."""
    root = await a_session(database)
    hidden = await database.write(
        lambda tx: tx.sessions.add(
            Session(agent="x", sharing="private", created_by="ann", parent_session_id=root.session_id)
        )
    )
    await a_task(database, hidden.session_id, "secret")
    id = hidden.session_id

    async def seen(reader: Reader) -> list[int]:
        def look(tx: Transaction) -> list[int]:
            return [
                tx.sessions.page({}, reader, 10, 10)["total"],
                tx.tasks.page({"session_id": id}, reader, 10, 10)["total"],
                len(tx.messages.page({"session_id": id}, reader, 10, 10)["data"]),
                len(tx.sessions.genealogy(root.session_id, reader)["descendants"]),
                len(tx.sessions.record(root.session_id, reader)["genealogy"]["children"]),
                tx.events.page({"session_id": id}, reader, 100, 100)["total"],
            ]

        return await database.read(look)

    assert await seen(ANN) == await seen(ADMIN) == [2, 1, 1, 1, 1, 3]
    assert await seen(BOB) == [1, 0, 0, 0, 0, 0]
    with pytest.raises(NotFound):
        await database.read(lambda tx: tx.sessions.record(id, BOB))
    with pytest.raises(NotFound):
        await database.read(lambda tx: tx.sessions.resolve(id.replace("-", "")[:30], BOB))


async def test_a_session_made_private_hides_its_past(database: Database) -> None:
    """Events from before it was private are not readable either."""
    session = await a_session(database, created_by="ann")
    await database.write(lambda tx: tx.sessions.patch(session.session_id, {"sharing": "private"}))
    page = await database.read(lambda tx: tx.events.page({"path": "sessions"}, BOB, 10, 10))
    assert page["total"] == 0


async def test_a_stale_version_is_a_conflict_that_shows_the_record(database: Database) -> None:
    """A client's change raises the version; a change based on an older one is refused."""
    session = await a_session(database)
    id = session.session_id
    changed = await database.write(lambda tx: tx.sessions.patch(id, {"title": "a"}, client=True, expected_version=1))
    assert changed.data.version == 2
    with pytest.raises(Conflict) as refused:
        await database.write(lambda tx: tx.sessions.patch(id, {"title": "b"}, client=True, expected_version=1))
    assert isinstance(refused.value.data, dict)
    assert refused.value.data["current"]["title"] == "a"
    own = await database.write(lambda tx: tx.sessions.patch(id, {"title": "c"}))
    assert own.data.version == 2


async def test_a_record_has_what_other_rows_imply(database: Database) -> None:
    """`tasks` and `children` are there on get, on find if selected, and follow what is stored."""
    session = await a_session(database)
    tasks = [(await a_task(database, session.session_id)).task_id for _ in range(3)]
    record = await database.read(lambda tx: tx.sessions.record(session.session_id))
    page = await database.read(lambda tx: tx.sessions.page({"$select": ["tasks"]}, None, 10, 10))
    assert record["tasks"] == tasks
    assert page["data"] == [{"session_id": session.session_id, "tasks": tasks}]
    plain = await database.read(lambda tx: tx.sessions.page({}, None, 10, 10))
    assert "tasks" not in plain["data"][0]


async def test_what_was_listed_once_is_listed_as_it_is_now(database: Database) -> None:
    """A silent change is in the next list; what an earlier answer was completed with, or changed to, is not."""
    parent = await a_session(database)
    child = await database.write(lambda tx: tx.sessions.add(spawned(parent, point=None, created_by="ann")))

    async def listed() -> list[dict[str, object]]:
        return list((await database.read(lambda tx: tx.sessions.page({}, ANN, 10, 10)))["data"])

    first, second = await listed(), await listed()
    whole = await database.read(lambda tx: tx.sessions.record(parent.session_id, ANN))
    assert whole["genealogy"]["children"] == [child.session_id]
    second[1]["title"] = "mine"
    assert await listed() == first
    await database.write(lambda tx: tx.sessions.count_up(parent.session_id, tool_use_count=2))
    assert await listed() == [first[0], {**first[1], "tool_use_count": 2}]


async def test_a_message_over_a_megabyte_is_listed_with_its_preview(database: Database) -> None:
    """Lists show 200 characters of it and say so; asked for by its id it is whole."""
    session = await a_session(database)
    text = "x" * 1_000_001
    large = await database.write(lambda tx: tx.messages.append(session.session_id, said(text)))
    await database.write(lambda tx: tx.messages.append(session.session_id, said("small")))
    page = await database.read(lambda tx: tx.messages.page({}, None, 10, 10))
    assert [record["content"] for record in page["data"]] == [text[:200], "small"]
    assert [record.get("truncated") for record in page["data"]] == [True, None]
    record = await database.read(lambda tx: tx.messages.record(large.message_id))
    assert record["content"] == text
    assert (await database.read(lambda tx: tx.messages.history(session.session_id)))[0].data.content == text


async def test_an_import_compares_a_history_without_reading_it(database: Database) -> None:
    """Each message inherited or own, with what its agent calls it; where the agent never said, with what it says."""
    root = await a_session(database)
    first = await a_task(database, root.session_id, "a")
    fork = await database.write(lambda tx: tx.sessions.add(forked(root, point=first, created_by=None)))
    blocks = [{"type": "text", "text": "named", "odd": "é\U0001f600"}]
    named, unnamed = said("named"), said("")
    named.data.metadata.original_id = "their-id"
    unnamed.data.content = blocks
    await database.write(lambda tx: tx.messages.append_many(fork.session_id, [named, unnamed]))
    origins = await database.read(lambda tx: tx.messages.origins(fork.session_id))
    assert [(origin.session_id, origin.task_id, origin.original_id, origin.content) for origin in origins] == [
        (root.session_id, first.task_id, None, "a"),
        (fork.session_id, None, "their-id", None),
        (fork.session_id, None, None, blocks),
    ]
    at = origins[1].timestamp

    async def holders(since: int, until: int) -> list[str]:
        return await database.read(lambda tx: tx.messages.sessions_that_hold("their-id", (since, until)))

    assert await holders(at, at) == [fork.session_id]
    assert await holders(at + 1, at + 2) == []
    told = await database.read(lambda tx: tx.messages.history(fork.session_id))
    assert [(origin.message_id, origin.timestamp) for origin in origins] == [(m.message_id, m.timestamp) for m in told]


async def test_an_answer_that_outlives_a_private_session_stays_its_owners(database: Database) -> None:
    """Rules for more than the session are left when it goes; of a private one only its owner and admins know."""

    async def owner_once_gone(session: Session, answer: PermissionRequest) -> tuple[str, str | None]:
        await database.write(lambda tx: tx.sessions.remove(session.session_id))
        return await database.read(lambda tx: tx.permissions.owner(answer.request_id))

    found: dict[str, list[tuple[str, str | None]]] = {}
    for sharing in ("everyone", "private"):
        session = await a_session(database, created_by="ann", sharing=sharing)
        task = await a_task(database, session.session_id)
        for scope in ("session", "project"):
            answer = await an_answer(database, session.session_id, task_id=task.task_id, scope=scope)
        found[sharing] = [await owner_once_gone(session, answer)]
    assert found == {"everyone": [("ann", "everyone")], "private": [("ann", "private")]}
    for reader, total in ((ANN, 2), (BOB, 1), (ADMIN, 2)):
        page = await page_of(database, "permissions", {}, reader, most=100)
        assert (page["total"], {record["scope"] for record in page["data"]}) == (total, {"project"})
        assert all(record["session_id"] is None for record in page["data"])


async def test_sessions_outside_repositories_are_known_by_their_folders(database: Database) -> None:
    """Those that work in a folder of no repository, or of one that is gone; not those in worktrees, or nowhere."""
    repo = await database.write(lambda tx: tx.repos.add(Repo(slug="thing")))
    places = [
        RepoRef(cwd="/a"),
        RepoRef(cwd="/a", repo_id=new_id(), repo_slug="gone"),
        RepoRef(cwd="/b"),
        RepoRef(cwd="/a", repo_id=repo.repo_id, repo_slug="thing"),
        RepoRef(cwd="/c", repo_id=new_id(), repo_slug="gone", worktree_name="w"),
        RepoRef(),
        None,
    ]
    sessions = [Session(agent="x") for _ in places]
    for session, place in zip(sessions, places, strict=True):
        session.data.repo = place
    await database.write(lambda tx: tx.sessions.add_many(sessions))
    found = await database.read(lambda tx: tx.sessions.outside_repositories())
    assert {cwd: sorted(ids) for cwd, ids in found.items()} == {
        "/a": sorted(one.session_id for one in sessions[:2]),
        "/b": [sessions[2].session_id],
    }
