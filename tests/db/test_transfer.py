"""Export, import, backup and restore: nothing is lost on the way to another file or another backend."""

from __future__ import annotations

import io
import resource
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from agor_core.db import Database, Transaction, backup, export_to, import_from, open_database, restore
from agor_core.db.transfer import PATHS
from agor_core.errors import BadRequest, ConfigError, Conflict, ServiceError, Unavailable
from agor_core.ids import new_id
from agor_core.models import Board, PermissionRequest, Repo, Session, User, Worktree, forked, spawned
from tests.support.databases import MakeUrl, set_revision
from tests.support.records import a_session, a_task, an_answer, said


async def fill(database: Database) -> None:
    """One of everything, and a tree of sessions whose ids are not in the order of their generations."""

    def work(tx: Transaction) -> Session:
        tx.users.add(User(email="a@example.com", password="hash"))
        board = tx.boards.add(Board(name="B", slug="b"))
        repo = tx.repos.add(Repo(slug="me/r"))
        tree = tx.worktrees.add(Worktree(repo_id=repo.repo_id, name="w", status="ready"))
        return Session(agent="x", board_id=board.board_id, worktree_id=tree.worktree_id)

    session = await database.write(work)
    session.session_id = "ffff" + session.session_id[4:]
    session.data.title = "snow ☃"
    session.data.agent_cost_usd = 0.5
    await database.write(lambda tx: tx.sessions.add(session))
    task = await a_task(database, session.session_id, "hazelnut", "two")
    request = PermissionRequest(session_id=session.session_id, task_id=task.task_id)
    await database.write(lambda tx: tx.permissions.add(request))
    fork = await database.write(lambda tx: tx.sessions.add(forked(session, point=task, created_by="ann")))
    await database.write(lambda tx: tx.sessions.add(spawned(fork, point=None, created_by="ann")))
    await database.write(lambda tx: tx.messages.append(fork.session_id, said("three")))


async def contents(database: Database) -> dict[str, list[str]]:
    """Everything but the log."""

    def work(tx: Transaction) -> dict[str, list[str]]:
        return {path: sorted(repr(one.model_dump()) for one in tx.repository(path).where()) for path in PATHS}

    return await database.read(work)


def exported(database: Database) -> list[bytes]:
    """The lines of an export."""
    written = io.BytesIO()
    export_to(database, written)
    return written.getvalue().splitlines(keepends=True)


@pytest.mark.parametrize("target", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres), "libsql"])
async def test_an_export_is_the_same_on_every_backend(database: Database, make_url: MakeUrl, target: str) -> None:
    """What one database exports, another takes in without loss, and search finds it there."""
    await fill(database)
    with open_database(make_url(target)) as other:
        added = import_from(other, exported(database)).added
        assert await contents(other) == await contents(database)
        assert added["messages"] == 3
        found = await other.read(lambda tx: tx.messages.page({"$search": "hazelnut"}, None, 10, 10))
        assert found["total"] == 1
        appended = await other.write(lambda tx: tx.messages.append(found["data"][0]["session_id"], said("next")))
        assert appended.index == 2
        again = import_from(other, exported(database))
        assert (sum(again.added.values()), +again.kept) == (0, {"sessions": 1})


async def test_an_import_is_announced(database: Database, make_url: MakeUrl) -> None:
    """Each record that is new is one `created` event."""
    await fill(database)
    with open_database(make_url("sqlite")) as other:
        _, before = await other.change_log.position()
        added = import_from(other, exported(database)).added
        events = await other.change_log.after(before, 100)
        assert sum(event.event == "created" for event in events) == sum(added.values())


async def test_many_rows_at_once_are_stored_as_each_by_itself(database: Database) -> None:
    """Rows stored by the hundred are those that would be stored one by one: odd characters, large ones, and search."""
    odd = ["plain", "snow ☃ e\u0301tude", "a\0b", "lone \ud800", "tab\tand\\N\nline", "", "large " * 20_000]
    words = [odd[nth % len(odd)] + f" number{nth}" for nth in range(150)]
    one_by_one, together = await a_session(database), await a_session(database)
    await database.write(lambda tx: [tx.messages.append(one_by_one.session_id, said(word)) for word in words] and None)
    await database.write(lambda tx: tx.messages.append_many(together.session_id, [said(word) for word in words]))

    def stored(tx: Transaction, session_id: str) -> list[Any]:
        rows = tx.messages.where(session_id=session_id)
        return [(row.index, row.created_by, row.data.model_dump()) for row in rows]

    def found(tx: Transaction, session_id: str) -> list[int]:
        queries = ({"$search": word, "session_id": session_id} for word in ("number149", "étude", "large"))
        return [tx.messages.page(query, None, 1, 1)["total"] for query in queries]

    async def look(at: Callable[[Transaction, str], list[Any]], session: Session) -> list[Any]:
        return await database.read(lambda tx: at(tx, session.session_id))

    for looked_at, expected in ((stored, 150), (found, 3)):
        alone, many = await look(looked_at, one_by_one), await look(looked_at, together)
        assert many == alone
        assert len([one for one in many if one]) == expected
    _, newest = await database.change_log.position()
    events = await database.change_log.after(newest - 300, 300)
    assert [event.seq for event in events] == list(range(newest - 299, newest + 1))
    assert [event.payload["index"] for event in events] == [*range(150), *range(150)]


async def test_a_batch_that_breaks_a_rule_is_stored_not_at_all(database: Database, make_url: MakeUrl) -> None:
    """What the database itself refuses is named by its lines; of its batch nothing is there, and no event tells."""
    session = await a_session(database)
    await database.write(lambda tx: tx.messages.append_many(session.session_id, [said(str(nth)) for nth in range(100)]))
    lines = exported(database)
    spoilt = orjson.loads(lines[-2])
    taken, nowhere = ({**spoilt["record"], field: value} for field, value in (("index", 0), ("session_id", new_id())))
    with open_database(make_url(database.backend)) as other:
        for record, refusal in ((taken, Conflict), (nowhere, BadRequest)):
            again = [*lines[:-2], orjson.dumps({**spoilt, "record": record}) + b"\n", lines[-1]]
            with pytest.raises(refusal, match=r"^lines \d+ to \d+: "):
                import_from(other, again)
            assert await other.read(lambda tx: tx.messages.where()) == []
            _, newest = await other.change_log.position()
            assert {event.path for event in await other.change_log.after(0, 500)} == {"boards", "sessions"}
        assert import_from(other, lines).added["messages"] == 100
        assert (await other.change_log.position())[1] == newest + 100


async def test_answers_that_outlive_their_session_are_imported(database: Database, make_url: MakeUrl) -> None:
    """Each is announced to those who may know of it: of a private session that is gone, to its owner only."""

    async def remove(session: Session) -> None:
        await database.write(lambda tx: tx.sessions.remove(session.session_id))

    for owner, sharing in (("ann", "private"), ("bob", "everyone")):
        session = await a_session(database, created_by=owner, sharing=sharing)
        await an_answer(database, session.session_id, scope="user", created_by=owner)
        await remove(session)
    with open_database(make_url(database.backend)) as other:
        assert import_from(other, exported(database)).added["permissions"] == 2
        assert await contents(other) == await contents(database)
        events = await other.change_log.after(0, 100)
        told = [(event.facts["created_by"], event.facts["sharing"]) for event in events if event.path == "permissions"]
        assert sorted(told) == [("ann", "private"), ("bob", "everyone")]


async def test_pages_of_many_megabytes_are_exported(database: Database) -> None:
    """A thousand messages of some length are more than a server's client takes at once by itself."""
    session = await a_session(database)
    for _ in range(4):
        await a_task(database, session.session_id, *["word " * 1200] * 250)
    assert orjson.loads(exported(database)[-1])["counts"]["messages"] == 1000


async def test_progress_is_told(database: Database) -> None:
    """Export tells how far it is, up to the total of each kind."""
    await fill(database)
    told: list[tuple[str, int, int]] = []
    export_to(database, io.BytesIO(), lambda *step: told.append(step))
    assert ("messages", 3, 3) in told
    assert [path for path, _, _ in told] == [path for path in PATHS if path in dict.fromkeys(p for p, _, _ in told)]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda lines: [],
        lambda lines: [b"hello\n"],
        lambda lines: [b'{"format": "other"}\n'],
        lambda lines: [b'{"format": "agor-export", "version": 99}\n'],
        lambda lines: lines[:-1],
        lambda lines: lines[:-3] + lines[-1:],
        lambda lines: [lines[0], b'{"path": "events", "record": {}}\n', *lines[1:]],
        lambda lines: [lines[0], b'{"path": "users", "record": {"user_id": "x"}}\n', *lines[1:]],
    ],
)
async def test_what_is_no_whole_export_is_refused(make_url: MakeUrl, spoil: Any) -> None:
    """Another file, a later version, a cut-off or doctored export: each is refused with a reason."""
    with open_database(make_url("sqlite")) as database:
        await fill(database)
        lines = exported(database)
    with open_database(make_url("sqlite")) as other, pytest.raises(BadRequest):
        import_from(other, spoil(lines))


async def test_a_backup_is_restored_as_it_was_in_another_epoch(
    database: Database, tmp_path: Path, make_url: MakeUrl
) -> None:
    """A backup holds everything; restored, the log is another history, which listeners notice."""
    await fill(database)
    before, epoch = await contents(database), (await database.change_log.position())[0]
    copy = backup(database, tmp_path / "copy")
    assert copy.stat().st_mode & 0o777 == 0o600
    await a_session(database)
    target = database if database.file is not None else None
    with open_database(make_url(database.backend)) as other:
        target = target or other
        restore(target, copy)
        assert await contents(target) == before
        assert (await target.change_log.position())[0] != epoch
        await a_session(target)
    with pytest.raises(Conflict):
        backup(database, copy)


async def test_upkeep_does_not_get_between_a_file_and_what_replaces_it(make_url: MakeUrl, tmp_path: Path) -> None:
    """What is done while nobody writes waits for a restore; or it would go on in a file that is there no more."""
    with open_database(make_url("sqlite")) as database:
        await fill(database)
        before = await contents(database)
        copy = backup(database, tmp_path / "copy")
        await a_session(database)
        upkeep = threading.Thread(target=database.tidy)

        def in_between(*_: Any) -> None:
            if not upkeep.ident:
                upkeep.start()
                upkeep.join(1)

        restore(database, copy, in_between)
        upkeep.join()
        assert await contents(database) == before
        made = await a_session(database)
        assert await database.read(lambda tx: tx.sessions.get(made.session_id))


async def test_a_restore_keeps_what_it_replaces(make_url: MakeUrl, tmp_path: Path) -> None:
    """The file that a restore replaces is kept beside it."""
    with open_database(make_url("sqlite")) as database:
        copy = backup(database, tmp_path / "copy")
        session = await a_session(database)
        kept = restore(database, copy)
        assert await database.read(lambda tx: tx.sessions.where()) == []
    assert kept is not None
    with open_database(f"sqlite:///{kept}") as old:
        assert await old.read(lambda tx: tx.sessions.get(session.session_id))


async def test_a_file_that_another_program_has_open_is_not_replaced(make_url: MakeUrl, tmp_path: Path) -> None:
    """What that program writes to the old file would be lost: the restore is refused, and works once it is closed."""
    url = make_url("sqlite")
    with open_database(url) as database:
        copy = backup(database, tmp_path / "copy")
        with open_database(url) as daemon:
            await a_session(daemon)
            with pytest.raises(Conflict, match="in use"):
                restore(database, copy)
            kept = await a_session(daemon)
            assert await database.read(lambda tx: tx.sessions.get(kept.session_id))
        restore(database, copy)
        assert await database.read(lambda tx: tx.sessions.where()) == []


@pytest.mark.parametrize("ruin", [b"no database at all" * 300, b"SQLite format 3\0" + b"\xff" * 9000])
async def test_a_restore_works_over_a_file_that_is_ruined(make_url: MakeUrl, tmp_path: Path, ruin: bytes) -> None:
    """What the advice for a damaged file says, works: the backup is in its place, and the ruin is kept beside it."""
    with open_database(make_url("sqlite")) as database:
        session = await a_session(database)
        copy = backup(database, tmp_path / "copy")
    ruined = tmp_path / "ruined.db"
    ruined.write_bytes(ruin)
    with open_database(f"sqlite:///{ruined}") as database:
        kept = restore(database, copy)
        assert await database.read(lambda tx: tx.sessions.get(session.session_id))
    assert kept is not None
    assert kept.read_bytes() == ruin


async def test_a_copy_that_does_not_fit_is_not_left_half_written(make_url: MakeUrl, tmp_path: Path) -> None:
    """When the disk takes no more, backup and restore fail with 503, and what was there before is all there is."""
    with open_database(make_url("sqlite")) as database:
        whole = backup(database, tmp_path / "whole")
        session = await a_session(database)
        before = sorted(path.name for path in tmp_path.iterdir())
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, limits[1]))
        try:
            with pytest.raises(Unavailable):
                backup(database, tmp_path / "copy")
            with pytest.raises(Unavailable):
                restore(database, whole)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert sorted(path.name for path in tmp_path.iterdir()) == before
        assert await database.read(lambda tx: tx.sessions.get(session.session_id))


async def test_an_export_is_of_what_this_version_knows_whole(make_url: MakeUrl) -> None:
    """A database of a newer Agor, or one that is behind, is not exported: something would be missing."""
    with open_database(make_url("sqlite")) as database:
        for revision, said_to_do in (("9999", "newer"), ("0002", "upgrade")):
            set_revision(database, revision)
            with pytest.raises(ConfigError, match=said_to_do):
                export_to(database, io.BytesIO())


async def test_what_is_no_backup_is_refused_and_nothing_touched(database: Database, tmp_path: Path) -> None:
    """Garbage, a damaged copy, a missing file or the wrong kind of backup leaves the database as it is."""
    await fill(database)
    before = await contents(database)
    garbage, damaged, empty = tmp_path / "garbage", tmp_path / "damaged", tmp_path / "empty"
    garbage.write_text("no")
    damaged.write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    empty.write_bytes(orjson.dumps({"format": "agor-export", "version": 1}))
    for file in (garbage, damaged, empty, tmp_path / "missing"):
        with pytest.raises(ServiceError):
            restore(database, file)
    assert await contents(database) == before
