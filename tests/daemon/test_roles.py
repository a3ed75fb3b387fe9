"""The table of roles, cell by cell: every service, every method, everybody, in every way a method can be called."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agor_core.client import LiveClient
from agor_core.errors import AgorError
from agor_daemon.access import RULES
from tests.daemon.conftest import start_session
from tests.support.daemon import clean_environment
from tests.support.repository import make_repository
from tests.support.team import Team, running_team

READERS = ("viewer", "member", "admin", "owner")
WORKERS = ("member", "admin", "owner")
ADMINS = ("admin", "owner")
# Refused by the rules of data, not by those of roles: who may call learns no more than that, and nothing is changed.
NONSENSE = {"no such field": 1}


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """A daemon with somebody of every role."""
    folder = tmp_path_factory.mktemp("roles")
    environment = clean_environment(folder / "home")
    make_repository(folder / "demo", environment)
    scenario = folder / "scenario.json"
    scenario.write_text(json.dumps({"turns": [{"when": "hang", "steps": [{"hang": True}]}]}))
    environment["AGOR_AGENTS_SCRIPTED_SCENARIO"] = str(scenario)
    with running_team(folder, environment) as made:
        yield made


@pytest.fixture(scope="module")
def ids(team: Team) -> dict[str, str]:
    """Ids of things of the owner's: shared with everyone, as is the default."""
    folder = team.daemon.home.parent.parent / "demo"
    team.owner.call("POST", "/repos", {"local_path": str(folder)})
    session = start_session(team.owner, folder, "owners")
    finished = {"session_id": session["session_id"], "full_prompt": "done"}
    message = {"session_id": session["session_id"], "type": "user", "role": "user", "content": "hello"}
    board = team.owner.call("POST", "/boards", {"name": "The owner's"})
    return {
        "sessions": session["session_id"],
        "tasks": team.owner.call("POST", "/tasks", finished)["task_id"],
        "messages": team.owner.call("POST", "/messages", message)["message_id"],
        "boards": board["board_id"],
        "repos": session["repo"]["repo_id"],
        "worktrees": session["worktree_id"],
        "users": team.owner.user_id,
        "agents": "scripted",
        "config": "daemon.max_runs",
    }


READ: dict[str, tuple[str, ...]] = {"find": READERS, "get": READERS}
SESSION = {
    **READ,
    "genealogy": READERS,
    "read_queue": READERS,
    "streams": READERS,
    **dict.fromkeys(("create", "prompt", "resume", "fork", "spawn", "stop", "queue"), WORKERS),
    **dict.fromkeys(("patch", "update", "remove"), WORKERS),
    "import_transcript": ADMINS,
}
OF_SESSION = {**READ, "create": ADMINS, "bulk": ADMINS, "patch": WORKERS, "remove": WORKERS}
TABLE: dict[str, dict[str, tuple[str, ...]]] = {
    "sessions": SESSION,
    "tasks": {**OF_SESSION, "diff": READERS, **dict.fromkeys(("update", "complete", "fail"), WORKERS)},
    "messages": {**OF_SESSION, "partial": READERS},
    "permissions": {**READ, "decide": WORKERS, "revoke": WORKERS},
    "boards": {
        **READ,
        "create": WORKERS,
        "patch": ADMINS,
        "update": ADMINS,
        "remove": ADMINS,
        "read_sessions": READERS,
        "add_session": WORKERS,
        "remove_session": WORKERS,
    },
    "repos": {
        **READ,
        "create": ADMINS,
        "clone": WORKERS,
        "patch": ADMINS,
        "remove": ADMINS,
        "read_worktrees": READERS,
        "add_worktree": WORKERS,
        "remove_worktree": ADMINS,
    },
    "worktrees": {
        **READ,
        "create": WORKERS,
        "patch": ADMINS,
        "remove": ADMINS,
        **dict.fromkeys(("status", "diff", "snapshots"), READERS),
        **dict.fromkeys(("snapshot", "drop_snapshot", "restore"), ADMINS),
    },
    "users": {
        "find": READERS,
        "get": WORKERS,
        "create": ADMINS,
        "patch": ("owner",),
        "remove": ("owner",),
        "revoke": ADMINS,
    },
    "agents": READ,
    "transcripts": {"find": ADMINS},
    "events": {"find": READERS},
    "config": {"find": ADMINS, "get": ADMINS, "patch": ADMINS},
}
"""Who may call what on a record of the owner's that is shared as it is by default, as the table of roles has it."""

RECORD = {"genealogy", "read_queue", "prompt", "fork", "spawn", "stop", "queue", "complete", "fail", "diff", "partial"}
RECORD |= {"streams", "resume", "decide", "status", "snapshots", "snapshot", "restore", "revoke"}
WIRE = {"read_queue": "queue", "import_transcript": "import"}
REQUESTS = {"find": "GET", "get": "GET", "create": "POST", "patch": "PATCH", "update": "PUT", "remove": "DELETE"}
NESTED = {
    "read_sessions": ("GET", "sessions"),
    "add_session": ("POST", "sessions"),
    "remove_session": ("DELETE", "sessions/{sessions}"),
    "read_worktrees": ("GET", "worktrees"),
    "add_worktree": ("POST", "worktrees"),
    "remove_worktree": ("DELETE", "worktrees/owners"),
    "drop_snapshot": ("DELETE", "snapshots/none"),
}
READING = {"find", "get", "genealogy", "read_queue", "streams", "diff", "partial", "status", "snapshots"}
# Their data is what they need to be refused for something else than the caller: nothing of it may happen.
DATA: dict[tuple[str, str], Any] = {
    ("sessions", "queue"): {"order": ["nothing that waits"]},
    ("users", "patch"): {"name": "The owner"},
    ("worktrees", "restore"): NONSENSE,
    ("worktrees", "snapshot"): {},
}
UNTRIED = {("permissions", "decide"), ("permissions", "revoke"), ("permissions", "get")}
UNTRIED |= {("sessions", "remove"), ("users", "revoke")}
"""Those that need a record of their own, or whose success would be felt by the other tests."""


def test_the_table_is_complete() -> None:
    """Every method that has a rule has a line here, but for the public ones."""
    ruled = {(path, method) for path, rules in RULES.items() for method in rules}
    public = {("health", "find"), ("authentication", "create"), ("authentication", "remove")}
    assert {(path, method) for path, methods in TABLE.items() for method in methods} == ruled - public


def request_of(path: str, method: str, ids: dict[str, str]) -> tuple[str, str, Any]:
    """(verb, URL, data) of a call that who may make it gets past the rules of roles with."""
    body = None if method in READING | {"remove"} else DATA.get((path, method), NONSENSE)
    if method in NESTED:
        verb, below = NESTED[method]
        return verb, f"/{path}/{ids[path]}/{below.format(**ids)}", body if verb == "POST" else None
    if method in RECORD:
        verb = "GET" if method in READING else "POST"
        return verb, f"/{path}/{ids[path]}/{WIRE.get(method, method)}", body
    if method in REQUESTS:
        needs_id = method in ("get", "patch", "update", "remove")
        return REQUESTS[method], f"/{path}/{ids[path]}" if needs_id else f"/{path}", body
    return "POST", f"/{path}/{WIRE.get(method, method)}", body


CELLS = [
    (path, method, name)
    for path, methods in TABLE.items()
    for method in methods
    for name in READERS
    if (path, method) not in UNTRIED and not (method in ("remove", "remove_worktree") and name in TABLE[path][method])
]


@pytest.mark.parametrize(("path", "method", "name"), CELLS)
def test_each_cell(team: Team, ids: dict[str, str], path: str, method: str, name: str) -> None:
    """Who may not is 403 (404 where even the record is hidden) and nothing changes; who may gets past the rules."""
    before = team.owner.call("GET", "/events?$limit=0")["total"]
    verb, url, body = request_of(path, method, ids)
    status, answer = team.of(name).request(verb, url, body)
    if name in TABLE[path][method]:
        assert status not in (401, 403, 405, 500), answer
    else:
        hidden = path == "users" and name == "viewer" and method in ("get", "patch")
        assert status == (404 if hidden else 403), answer
        assert team.owner.call("GET", "/events?$limit=0")["total"] == before


@pytest.mark.parametrize("name", ["viewer", "member"])
@pytest.mark.parametrize("path", ["sessions", "tasks", "messages", "boards", "repos", "worktrees", "users"])
def test_nobody_changes_many_at_once(team: Team, ids: dict[str, str], path: str, name: str) -> None:
    """A patch or removal without an id, by a query over all, changes nothing whoever asks, on either transport."""
    before = team.owner.call("GET", "/events?$limit=0")["total"]
    for caller in (team.of(name), team.owner):
        for verb, body in (("PATCH", {"title": "all"}), ("DELETE", None)):
            assert caller.request(verb, f"/{path}?$limit=1000", body)[0] in (403, 405)
    assert team.owner.call("GET", "/events?$limit=0")["total"] == before


async def refused(call: Any) -> int:
    """The code of the error a call ends with; 0 if it does not."""
    try:
        await call
    except AgorError as error:
        return int(getattr(error, "code", 500))
    return 0


@pytest.mark.parametrize("method", ["prompt", "fork", "spawn", "stop", "queue"])
async def test_every_way_to_call_a_method_asks_the_same(team: Team, ids: dict[str, str], method: str) -> None:
    """A viewer is 403 by path, by header, by socket event and by the path of a socket; a member is not."""
    data = {"session_id": ids["sessions"], **NONSENSE}
    url = f"/sessions/{ids['sessions']}/{method}"
    for name, expected in (("viewer", {403}), ("member", {400, 409})):
        caller = team.of(name)
        header = {"X-Service-Method": method}
        statuses = {
            (await asyncio.to_thread(caller.request, "POST", url, NONSENSE))[0],
            (await asyncio.to_thread(lambda: caller.request("POST", "/sessions", data, headers=header)))[0],  # noqa: B023
        }
        async with LiveClient(team.daemon.url, caller.token) as live:
            statuses.add(await refused(live.send(method, "sessions", data)))
            statuses.add(await refused(live.send("create", url.strip("/"), NONSENSE)))
            for attribute in ("import_transcript", "read_queue", "change", "__init__"):
                assert await refused(live.send(attribute, "sessions", data)) in (403, 405)
        if method == "stop" and name == "member":
            expected = {409}  # it takes no data, and nothing runs
        assert statuses <= expected, (name, statuses)


@pytest.mark.parametrize("field", ["cwd", "permission_config", "created_by", "agent_session_id", "status", "version"])
def test_a_member_cannot_set_what_is_not_theirs(team: Team, field: str) -> None:
    """A session of a member's has no folder, mode, creator or state that a member may not give it."""
    values: dict[str, Any] = {"cwd": "/tmp", "permission_config": {"mode": "bypassPermissions"}, "version": 7}
    data = {"agent": "scripted", field: values.get(field, "x")}
    assert team.member.request("POST", "/sessions", data)[0] in (400, 403)


def test_nobody_bypasses_by_way_of_somebody_elses_session(team: Team, ids: dict[str, str]) -> None:
    """A session that asks nobody takes no words of a member's: not as a prompt, not in one that waits; what a member
    makes of it asks again."""
    fields = {"worktree_id": ids["worktrees"], "permission_config": {"mode": "bypassPermissions"}}
    session = team.admin.call("POST", "/sessions", {"agent": "scripted", **fields})
    path = f"/sessions/{session['session_id']}"
    assert session["permission_config"]["mode"] == "bypassPermissions"
    assert team.member.request("POST", f"{path}/prompt", {"prompt": "x"})[0] == 403
    for method in ("fork", "spawn"):
        assert team.member.call("POST", f"{path}/{method}", {})["permission_config"]["mode"] == "acceptEdits"
        assert team.admin.call("POST", f"{path}/{method}", {})["permission_config"]["mode"] == "bypassPermissions"
    assert team.member.request("POST", f"{path}/spawn", {"permission_mode": "bypassPermissions"})[0] == 403
    assert team.member.request("PATCH", path, {"permission_config": {"mode": "bypassPermissions"}})[0] == 403
    for nonsense in ("bypassPermissions", ["bypassPermissions"], 7, {"mode": ["bypassPermissions"]}):
        assert team.member.request("PATCH", path, {"permission_config": nonsense})[0] == 400
    team.admin.call("POST", f"{path}/prompt", {"prompt": "hang"})
    waiting = f"/tasks/{team.admin.call('POST', f'{path}/prompt', {'prompt': 'mine'})['task_id']}"
    try:
        assert team.admin.call("GET", waiting)["status"] == "created"
        assert team.member.request("PATCH", waiting, {"full_prompt": "theirs"})[0] == 403
        assert team.admin.call("PATCH", waiting, {"full_prompt": "mine too"})["full_prompt"] == "mine too"
    finally:
        team.admin.call("POST", f"{path}/stop", {})


def test_a_member_reaches_no_disk(team: Team) -> None:
    """Neither as a path nor as a URL is the daemon's own disk cloned for a member."""
    folder = team.daemon.home.parent.parent / "demo"
    for url in (str(folder), f"file://{folder}", f"FILE://{folder}", f"File:{folder}"):
        status, error = team.member.request("POST", "/repos/clone", {"url": url, "slug": "stolen"})
        assert status in (400, 403), error
    assert team.owner.call("GET", "/repos?slug=stolen")["total"] == 0
    for path in ("/etc/passwd", str(Path.home())):
        assert team.member.request("POST", "/sessions/import", {"path": path})[0] == 403


def test_addresses_of_others_cannot_be_guessed_bit_by_bit(team: Team) -> None:
    """What a member or viewer may not read of an account is nothing to filter, sort or select by."""
    owner = team.owner.user_id
    for name in ("member", "viewer"):
        caller = team.of(name)
        for query in (
            "email=owner@example.com",
            "$or[0][email][$gt]=a",
            "$and[0][role]=owner",
            "$sort[email]=1",
            "$sort[role]=-1",
            "preferences.theme=dark",
            "password[$gt]=a",
            "token_generation=0",
        ):
            assert caller.request("GET", f"/users?{query}")[0] == 400, query
            # For a viewer the account is not there, whatever is asked.
            assert caller.request("GET", f"/users/{owner}?{query}")[0] in (400, 404), query
        shown = caller.call("GET", "/users?$select[]=email&$select[]=role")["data"]
        assert [one for one in shown if one["user_id"] != caller.user_id and {"email", "role"} & one.keys()] == []
    assert [one["user_id"] for one in team.viewer.call("GET", "/users")["data"]] == [team.viewer.user_id]
    assert team.viewer.call("GET", f"/users/{owner[:4]}")["user_id"] == team.viewer.user_id
    for query in ("password[$gt]=a", "$or[0][password][$gt]=a", "$sort[password]=1", "$select=password"):
        assert team.owner.request("GET", f"/users?{query}")[0] == 400, query


def test_secrets_of_the_configuration_stay_there(team: Team) -> None:
    """An admin who reads the configuration sees no secret in clear, and can change nothing that runs or is trusted."""
    settings = {one["key"]: one for one in team.admin.call("GET", "/config")}
    secret = (team.daemon.home / "jwt-secret").read_text().strip()
    assert secret not in str(settings)
    for key in ("daemon.jwt_secret", "database.url", "agents.scripted.command", "agents.codex.env", "credentials.X"):
        assert team.owner.request("PATCH", f"/config/{key}", {"value": "x"})[0] == 403, key
