"""Migrations: every backend gets the same tables, and a database that cannot be used is told in one clear line."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlmodel import SQLModel

from agor_core.db import Database, engine, migrate, open_database
from agor_core.errors import ConfigError
from agor_core.models import Session
from tests.support.databases import MakeUrl, set_revision
from tests.support.records import said


def refusal(file: Path) -> str:
    """What a database says that cannot be used."""
    with open_database(f"sqlite:///{file}") as database, pytest.raises(ConfigError) as refused:
        database.prepare()
    text = str(refused.value)
    assert "\n" not in text
    assert str(file) in text
    return text


def test_tables_are_what_the_entities_say(database: Database) -> None:
    """After all migrations nothing differs between the database and the entities."""
    with database.engines.writing.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": ours, "compare_type": True})
        assert compare_metadata(context, SQLModel.metadata) == []


def ours(_item: object, name: str | None, kind: str, *_: object) -> bool:
    """Leave out full-text tables, which migrations make by hand."""
    return not (name or "").startswith(("search_", "only_"))


def test_down_and_up_again(database: Database) -> None:
    """All the way down leaves no table, and up again makes a database that works."""
    database.downgrade("base")
    assert database.status()["current"] is None or not database.status()["is_current"]
    database.upgrade()
    assert database.status()["is_current"]
    assert database.read_now(lambda tx: tx.boards.default_id()) is not None


def test_a_new_database_has_one_board_and_says_so(database: Database) -> None:
    """The board `Default` is there from the start, as the first event of the log."""
    boards = database.read_now(lambda tx: tx.boards.page({}, None, 10, 10))
    events = database.read_now(lambda tx: tx.events.page({}, None, 10, 10))
    assert [board["name"] for board in boards["data"]] == ["Default"]
    assert [(event["seq"], event["path"], event["event"]) for event in events["data"]] == [(1, "boards", "created")]


def test_preparing_twice_changes_nothing(database: Database) -> None:
    """A board that was removed does not come back, and the log goes on."""
    database.write_now(lambda tx: tx.boards.remove(tx.boards.default_id() or ""))
    before = database.read_now(lambda tx: tx.events.page({}, None, 10, 10))
    database.prepare()
    assert database.read_now(lambda tx: tx.events.page({}, None, 10, 10)) == before


def test_a_newer_database_is_left_alone(database: Database) -> None:
    """Who is older than the database says so, and that Agor wants upgrading."""
    set_revision(database, "9999")
    for step in (database.prepare, database.upgrade):
        with pytest.raises(ConfigError, match="newer Agor"):
            step()


def test_a_database_file_is_for_its_owner_only(tmp_path: Path) -> None:
    """The file, and what is beside it while it is open, can be read and written by its owner and by nobody else."""
    with open_database(f"sqlite:///{tmp_path / 'agor.db'}") as database:
        database.prepare()
        files = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    assert files == dict.fromkeys(("agor.db", "agor.db-wal", "agor.db-shm"), 0o600)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """Garbage is told apart, and stays as it is."""
    file = tmp_path / "agor.db"
    file.write_bytes(b"this is no database at all" * 100)
    assert "not a database" in refusal(file)
    assert file.read_bytes().startswith(b"this is no database")


def test_a_damaged_database_is_refused(tmp_path: Path, sqlite_template: Path) -> None:
    """A file whose pages are overwritten is named as damaged."""
    file = tmp_path / "agor.db"
    content = bytearray(sqlite_template.read_bytes())
    content[100:4096] = b"\xff" * 3996
    file.write_bytes(content)
    assert "damaged" in refusal(file)


def test_a_locked_database_is_refused(tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that another program keeps locked is named as busy, after a short wait."""
    monkeypatch.setattr(engine, "_PRAGMAS", ("busy_timeout=20",))
    file = tmp_path / "agor.db"
    file.write_bytes(sqlite_template.read_bytes())
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        assert "busy" in refusal(file)


def test_a_place_that_cannot_hold_a_database_is_refused(tmp_path: Path) -> None:
    """A missing folder, or a folder in the file's place, is named."""
    assert "check that its folder exists" in refusal(tmp_path / "missing" / "agor.db")
    (tmp_path / "agor.db").mkdir()
    assert "cannot be opened" in refusal(tmp_path / "agor.db")


@pytest.mark.parametrize("url", ["mysql://localhost/x", "not a url", "sqlite://", ""])
def test_a_url_that_means_no_database_is_refused(url: str) -> None:
    """An unknown scheme, or none, is told at once."""
    with pytest.raises(ConfigError), open_database(url):
        pass


def test_a_server_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A PostgreSQL server that does not answer is named, without the password."""
    url = f"postgresql://me:secret@/agor?host={tmp_path}"
    with open_database(url) as database, pytest.raises(ConfigError) as refused:
        database.prepare()
    assert "does not answer" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_revisions_are_in_order() -> None:
    """The head is the last revision; migrations are found from a checkout."""
    assert migrate.revisions()[0] == "0001"
    assert migrate.head() == migrate.revisions()[-1]


def test_an_upgrade_of_a_file_leaves_a_copy_beside_it(tmp_path: Path, sqlite_template: Path) -> None:
    """Before an embedded database changes, it is copied as it is; what was stored is there afterwards, and found."""
    file = tmp_path / "agor.db"
    file.write_bytes(sqlite_template.read_bytes())
    with open_database(f"sqlite:///{file}") as database:
        session = database.write_now(lambda tx: tx.sessions.add(Session(agent="x")))
        database.write_now(lambda tx: tx.messages.append(session.session_id, said("a walnut")))
        database.downgrade("0001")
    for old in tmp_path.glob("*.backup"):
        old.unlink()
    with open_database(f"sqlite:///{file}") as database:
        database.prepare()
        found = database.read_now(lambda tx: tx.messages.page({"$search": "walnut"}, None, 10, 10))
    assert found["total"] == 1
    (copy,) = tmp_path.glob("agor.db.0001.*.backup")
    assert copy.stat().st_mode & 0o777 == 0o600
    with open_database(f"sqlite:///{copy}") as before:
        assert before.status()["current"] == "0001"


@pytest.mark.postgres
def test_a_shared_database_that_is_behind_waits_for_a_person(make_url: MakeUrl) -> None:
    """The daemon does not migrate a server that others use; it says which command does."""
    with open_database(make_url("postgresql")) as database:
        database.downgrade("0001")
        with pytest.raises(ConfigError, match="agor db upgrade"):
            database.prepare()
        database.upgrade()
        database.prepare()
