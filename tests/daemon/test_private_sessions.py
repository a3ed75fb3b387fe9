"""A private session exists for its creator, admins and the owner; nobody else can tell that it is there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agor_core.client import LiveClient
from tests.conformance.raw import Raw, raw
from tests.daemon.conftest import pending, start_session, wait_for_task
from tests.daemon.test_permissions import ASKING
from tests.support.daemon import clean_environment
from tests.support.repository import make_repository
from tests.support.team import Client, Team, running_team

SECRET = "heliotrope"


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """A daemon with accounts, a registered repository, and an agent that asks before it goes on."""
    folder = tmp_path_factory.mktemp("team")
    environment = clean_environment(folder / "home")
    scenario = folder / "scenario.json"
    steps = [{"text": "Before the question."}, ASKING, {"text": f"{SECRET} after the question."}]
    asking = {"when": "ask", "steps": steps}
    scenario.write_text(json.dumps({"turns": [asking, {"when": SECRET, "steps": [{"text": f"{SECRET}!"}]}]}))
    environment["AGOR_AGENTS_SCRIPTED_SCENARIO"] = str(scenario)
    repository = make_repository(folder / "demo", environment)
    with running_team(folder, environment) as made:
        made.owner.call("POST", "/repos", {"local_path": str(repository)})
        yield made


@pytest.fixture(scope="module")
def hidden(team: Team) -> Any:
    """A private session of `other`, with a task and messages, in a worktree of its own."""
    fields = {"sharing": "private", "title": f"a {SECRET}", "description": f"about {SECRET}"}
    session = start_session(team.other, Path(), "hidden", **fields)
    path = f"/sessions/{session['session_id']}"
    task = team.other.call("POST", f"{path}/prompt", {"prompt": f"paint it {SECRET}"})
    wait_for_task(team.other, task["task_id"])
    message = team.other.call("GET", f"/messages?session_id={session['session_id']}")["data"][-1]
    found = SimpleNamespace(
        session=session["session_id"],
        task=task["task_id"],
        message=message["message_id"],
        board=session["board_id"],
        worktree=session["worktree_id"],
        repo=session["repo"]["repo_id"],
    )
    seen = json.dumps([team.other.call("GET", place.format(**vars(found))) for place in READING])
    for trace in (found.session, found.task, found.message, SECRET):
        assert trace in seen
    return found


READING = (
    "/sessions",
    "/tasks",
    "/messages",
    "/permissions",
    "/events",
    "/events?path=sessions",
    "/events?$select[]=record_id&$select[]=payload",
    "/boards?$select=sessions",
    "/boards/{board}",
    "/boards/{board}/sessions",
    "/worktrees?$select=sessions",
    "/worktrees/{worktree}",
    "/worktrees/{worktree}/snapshots",
    "/repos/{repo}",
    "/repos/{repo}/worktrees",
    "/sessions?$select=tasks",
    "/sessions?$sort[title]=1",
    "/sessions?$search=" + SECRET,
    "/messages?$search=" + SECRET,
)
"""Where a session and what belongs to it can be seen, each without naming it."""


@pytest.mark.parametrize("place", READING)
@pytest.mark.parametrize("name", ["member", "viewer"])
def test_no_list_shows_it(team: Team, hidden: Any, place: str, name: str) -> None:
    """No list, computed array, search, snippet or event that another may read has a trace of it."""
    answer = json.dumps(team.of(name).call("GET", place.format(**vars(hidden))))
    for trace in (hidden.session, hidden.task, hidden.message, SECRET):
        assert trace not in answer


@pytest.mark.parametrize(
    "query",
    [
        "/sessions?session_id={session}",
        "/sessions?title=a {0}",
        "/sessions?description[$ne]=x&agent=scripted&worktree_id={worktree}",
        "/sessions?repo.worktree_name=hidden",
        "/sessions?$or[0][title]=a {0}&$or[1][session_id]={session}",
        "/tasks?session_id={session}",
        "/tasks?full_prompt[$gt]=paint",
        "/tasks?task_id[$in][0]={task}",
        "/messages?session_id={session}",
        "/messages?session_id={session}&$history=true",
        "/messages?content_preview[$gt]=" + SECRET[:3],
        "/events?session_id={session}",
        "/events?record_id={task}",
        "/permissions?session_id={session}",
    ],
)
def test_no_query_finds_it(team: Team, hidden: Any, query: str) -> None:
    """Asking for it by any of its facts finds nothing, and counts nothing, for another; its creator finds it."""
    path = query.format(SECRET, **vars(hidden)).replace(" ", "%20")
    page = team.member.call("GET", f"{path}&$limit=5")
    assert (page["total"], page["data"]) == (0, [])
    if "permissions" not in query:
        assert team.other.call("GET", f"{path}&$limit=0")["total"] > 0


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/sessions/{session}", None),
        ("GET", "/sessions/{session}/genealogy", None),
        ("GET", "/sessions/{session}/queue", None),
        ("GET", "/sessions/{session}/streams", None),
        ("POST", "/sessions/{session}/prompt", {"prompt": "x"}),
        ("POST", "/sessions/{session}/fork", {}),
        ("POST", "/sessions/{session}/spawn", {}),
        ("POST", "/sessions/{session}/stop", {}),
        ("POST", "/sessions/{session}/queue", {"resume": True}),
        ("PATCH", "/sessions/{session}", {"sharing": "everyone"}),
        ("PUT", "/sessions/{session}", {"sharing": "everyone"}),
        ("DELETE", "/sessions/{session}", None),
        ("GET", "/tasks/{task}", None),
        ("GET", "/tasks/{task}/diff", None),
        ("PATCH", "/tasks/{task}", {"description": "x"}),
        ("DELETE", "/tasks/{task}", None),
        ("POST", "/tasks/{task}/complete", {}),
        ("GET", "/messages/{message}", None),
        ("GET", "/messages/{message}/partial", None),
        ("PATCH", "/messages/{message}", {"metadata": {}}),
        ("DELETE", "/messages/{message}", None),
        ("POST", "/boards/{board}/sessions", {"session_id": "{session}"}),
        ("DELETE", "/boards/{board}/sessions/{session}", None),
    ],
)
def test_it_is_not_found(team: Team, hidden: Any, method: str, path: str, body: Any) -> None:
    """Whatever one does with its ids is answered as for ids that never were; and changes nothing."""
    before = team.owner.call("GET", "/events?$limit=0")["total"]
    nothing = dict.fromkeys(("session", "task", "message"), "01990000-0000-7000-8000-000000000000")

    def answer(**ids: str) -> tuple[int, str]:
        filled = {**vars(hidden), **ids}
        data = json.loads(json.dumps(body).replace("{session}", filled["session"]))
        status, error = team.member.request(method, path.format(**filled), data)
        text = json.dumps(error)
        for length in (36, 8):
            for name in nothing:
                text = text.replace(filled[name][:length], "ID")
        return status, text

    assert answer() == answer(**nothing)
    assert answer()[0] == 404
    assert team.owner.call("GET", "/events?$limit=0")["total"] == before


def test_a_short_id_is_not_ambiguous_because_of_it(team: Team, hidden: Any) -> None:
    """A prefix that only hidden sessions share is 404, and no candidate of an ambiguous one is hidden."""
    assert team.member.request("GET", f"/sessions/{hidden.session[:13]}")[0] == 404
    shared = [team.member.call("POST", "/sessions", {"agent": "scripted"})["session_id"] for _ in range(2)]
    status, error = team.member.request("GET", f"/sessions/{hidden.session[:4]}")
    assert (status, error["data"]["reason"]) == (409, "ambiguous-id")
    candidates = {one["id"] for one in error["data"]["candidates"]}
    assert set(shared) <= candidates
    assert hidden.session not in candidates


def test_who_sees_a_session_is_its_makers_to_decide(team: Team) -> None:
    """Others who may change a shared session cannot take it out of everyone's sight; its maker and admins can."""
    session = team.member.call("POST", "/sessions", {"agent": "scripted"})["session_id"]
    status, error = team.other.request("PATCH", f"/sessions/{session}", {"sharing": "private", "title": "mine now"})
    assert (status, error["name"]) == (403, "Forbidden")
    assert team.member.call("GET", f"/sessions/{session}").get("title") is None
    assert team.other.call("PATCH", f"/sessions/{session}", {"sharing": "everyone", "title": "ours"})["title"] == "ours"
    assert team.admin.call("PATCH", f"/sessions/{session}", {"sharing": "private"})["sharing"] == "private"
    assert team.member.call("PATCH", f"/sessions/{session}", {"sharing": "everyone"})["sharing"] == "everyone"


def test_a_refused_removal_names_no_hidden_fork(team: Team) -> None:
    """Who may not delete a session because of its forks is told of those alone that exist for them."""
    session = team.member.call("POST", "/sessions", {"agent": "scripted"})["session_id"]
    forks = [team.other.call("POST", f"/sessions/{session}/fork", {})["session_id"] for _ in range(2)]
    team.other.call("PATCH", f"/sessions/{forks[1]}", {"sharing": "private"})
    for client, known in ((team.member, forks[:1]), (team.other, forks)):
        status, error = client.request("DELETE", f"/sessions/{session}")
        assert (status, error["data"]["forks"]) == (409, known)
        assert str(len(known)) not in error["message"].replace(session[:8], "")
    assert team.member.call("GET", f"/sessions/{session}")["genealogy"]["children"] == forks[:1]
    family = team.member.call("GET", f"/sessions/{session}/genealogy")
    assert [one["session_id"] for one in family["descendants"]] == forks[:1]


async def test_from_the_moment_it_is_private_nobody_else_hears_it(team: Team) -> None:
    """A session that is made private in the middle of a run streams on to its creator and to nobody else, and no
    report names it."""
    session = await asyncio.to_thread(start_session, team.member, Path(), "turns-private")
    path = f"/sessions/{session['session_id']}"
    async with LiveClient(team.daemon.url, team.other.token) as strange:
        heard: list[str] = []
        ended = asyncio.Event()
        for name in ("messages created", "messages streaming:chunk", "tasks patched", "permissions patched"):
            strange.on(name, lambda payload: heard.append(json.dumps(payload)))
        strange.on("boards created", lambda _payload: ended.set())
        task = await asyncio.to_thread(team.member.call, "POST", f"{path}/prompt", {"prompt": "ask"})
        question = await asyncio.to_thread(pending, team.member)
        await asyncio.to_thread(team.member.call, "PATCH", path, {"sharing": "private"})
        removal = f"/worktrees/{session['worktree_id']}"
        assert (await asyncio.to_thread(team.member.request, "DELETE", removal))[1]["data"]["report"] == {
            "running_sessions": [session["session_id"]]
        }
        others = f"/repos/{session['repo']['repo_id']}/worktrees/turns-private"
        status, error = await asyncio.to_thread(team.admin.request, "DELETE", others)
        assert (status, error["data"]["report"]) == (409, {"running_sessions": [session["session_id"]]})
        assert (await asyncio.to_thread(team.other.request, "DELETE", others))[0] == 403
        decision = f"/permissions/{question['request_id']}/decide"
        assert (await asyncio.to_thread(team.other.request, "POST", decision, {"allow": True}))[0] == 404
        await asyncio.to_thread(team.member.call, "POST", decision, {"allow": True})
        await asyncio.to_thread(wait_for_task, team.member, task["task_id"])
        await asyncio.to_thread(team.member.call, "POST", "/boards", {"name": "the end"})
        async with asyncio.timeout(30):
            await ended.wait()
    said = await asyncio.to_thread(team.member.call, "GET", f"/messages?session_id={session['session_id']}")
    assert f"{SECRET} after the question." in json.dumps(said)
    assert any("Before" in text for text in heard)
    assert not any(SECRET in text for text in heard)


async def sign_in(client: Raw, caller: Client) -> None:
    """Sign a connection in."""
    answer = await client.call("create", "authentication", {"strategy": "jwt", "accessToken": caller.token})
    assert answer[0] is None, answer


async def test_what_became_private_is_not_heard_again(team: Team) -> None:
    """Who comes back hears what was missed as far as it may be read today, not as it once might have been."""
    async with raw(team.daemon.url) as client:
        await sign_in(client, team.other)
        pid = client.handshake["pid"]
        sessions = [
            await asyncio.to_thread(team.member.call, "POST", "/sessions", {"agent": "scripted", "title": title})
            for title in ("heard", f"{SECRET} once", "stays")
        ]
        first = (await client.events(1))[0]
        assert (first[0], first[1]["title"]) == ("sessions created", "heard")
    path = f"/sessions/{sessions[1]['session_id']}"
    await asyncio.to_thread(team.member.call, "PATCH", path, {"sharing": "private"})
    async with raw(team.daemon.url, auth={"pid": pid, "offset": first[2]}) as client:
        assert client.handshake["pid"] == pid
        await asyncio.to_thread(team.member.call, "POST", "/boards", {"name": "after it"})
        heard = await client.events(2)
    assert [event[0] for event in heard] == ["sessions created", "boards created"]
    assert heard[0][1]["title"] == "stays"
