"""Sessions that began in a repository before it was registered: what was cut off, or never begun, is done later."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agor_core.db import Database, open_database
from agor_core.models import Repo, RepoRef, Session
from tests.daemon.conftest import until
from tests.support.daemon import running_daemon
from tests.support.databases import MakeUrl, make_url, postgres, postgres_template, sqlite_template

__all__ = ["make_url", "postgres", "postgres_template", "sqlite_template"]


def test_taking_in_goes_on_after_a_kill(repository: Path, environment: dict[str, str], tmp_path: Path) -> None:
    """Of a daemon that is killed amid taking in the sessions of a repository, the next one takes in the rest, once."""
    with running_daemon(tmp_path, environment=environment) as daemon:
        url = f"sqlite:///{daemon.home / 'agor.db'}"
    with open_database(url) as database:
        ids = began_in(database, repository, 600)
        with running_daemon(tmp_path, environment=environment) as daemon, ThreadPoolExecutor(1) as caller:
            # Nobody is there any more to answer it.
            registering = caller.submit(daemon.call, "POST", "/repos", {"local_path": str(repository)})
            while not taken_in(database):
                assert not registering.done()
            daemon.kill()
            assert isinstance(registering.exception(), OSError)
        assert 0 < len(taken_in(database)) < len(ids)
        with running_daemon(tmp_path, environment=environment) as daemon:
            until(lambda: daemon.call("GET", "/sessions?repo.repo_slug=demo&$limit=0")["total"] == len(ids))
            heard = daemon.call("GET", "/events?path=sessions&event=patched&$limit=0")["total"]
            assert heard == len(ids)


@pytest.mark.parametrize("backend", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_a_repository_of_an_earlier_version_takes_in_its_sessions(
    repository: Path, environment: dict[str, str], tmp_path: Path, backend: str, make_url: MakeUrl
) -> None:
    """One that was registered when that did not let earlier sessions know it does so when the daemon starts, once."""
    url = make_url(backend)
    environment["AGOR_DATABASE_URL"] = url
    with open_database(url) as database:
        ids = began_in(database, repository, 2)
        repo = Repo(slug="demo", status="ready")
        repo.data.local_path = str(repository)
        database.write_now(lambda tx: tx.repos.add(repo))
        with running_daemon(tmp_path, environment=environment) as daemon:
            until(lambda: daemon.call("GET", "/sessions?repo.repo_slug=demo&$limit=0")["total"] == len(ids))
            until(lambda: database.read_now(lambda tx: tx.repos.get(repo.repo_id)).data.has_taken_in)
            assert "has_taken_in" not in daemon.call("GET", f"/repos/{repo.repo_id}")
        later = began_in(database, repository, 1)
        with running_daemon(tmp_path, environment=environment) as daemon:
            assert daemon.call("GET", f"/sessions/{later[0]}")["repo"]["repo_id"] is None


def began_in(database: Database, folder: Path, count: int) -> list[str]:
    """Store so many sessions that began in a folder when no repository was known there; their ids."""
    sessions = [Session(agent="scripted") for _ in range(count)]
    for session in sessions:
        session.data.repo = RepoRef(cwd=str(folder))
    return [one.session_id for one in database.write_now(lambda tx: tx.sessions.add_many(sessions))]


def taken_in(database: Database) -> list[str]:
    """The ids of those that know a repository by now."""
    query = {"repo.repo_slug": "demo", "$select": ["session_id"], "$limit": 1000}
    page = database.read_now(lambda tx: tx.sessions.page(query, None, 1000, 1000))
    return [one["session_id"] for one in page["data"]]
