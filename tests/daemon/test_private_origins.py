"""A shared child of a private session: who may not know the parent is told of none, by whichever way they ask."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from tests.conformance.raw import raw
from tests.daemon.test_private_sessions import sign_in
from tests.support.daemon import clean_environment
from tests.support.team import Team, running_team

ORIGIN = ("parent_session_id", "forked_from_session_id")


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """A daemon with accounts."""
    folder = tmp_path_factory.mktemp("team")
    with running_team(folder, clean_environment(folder / "home")) as made:
        yield made


@pytest.fixture(scope="module")
def family(team: Team) -> Any:
    """A private session of `other`; its shared child, and a shared fork of it; and a child of that child."""
    session = {"agent": "scripted", "sharing": "private"}
    parent = team.other.call("POST", "/sessions", session)
    child = team.other.call("POST", f"/sessions/{parent['session_id']}/spawn", {})
    fork = team.other.call("POST", f"/sessions/{parent['session_id']}/fork", {})
    for shared in (child, fork):
        team.other.call("PATCH", f"/sessions/{shared['session_id']}", {"sharing": "everyone"})
    grandchild = team.member.call("POST", f"/sessions/{child['session_id']}/spawn", {})
    return SimpleNamespace(
        parent=parent["session_id"],
        child=child["session_id"],
        fork=fork["session_id"],
        grandchild=grandchild["session_id"],
        board=parent["board_id"],
    )


PLACES = (
    "/sessions",
    "/sessions?session_id={child}",
    "/sessions?$select[]=parent_session_id&$select[]=forked_from_session_id",
    "/sessions?$select[]=genealogy",
    "/sessions/{child}",
    "/sessions/{fork}",
    "/sessions/{fork}?$select[]=genealogy",
    "/sessions/{child}/genealogy",
    "/sessions/{grandchild}/genealogy",
    "/boards/{board}/sessions",
    "/events?path=sessions",
    "/events?$select[]=payload",
)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", ["member", "viewer"])
def test_no_answer_names_a_parent_one_may_not_read(team: Team, family: Any, place: str, name: str) -> None:
    """Lists, records, trees and the change log have it as a session that comes from nowhere; for its maker and
    admins they have the parent."""
    path = place.format(**vars(family))
    assert family.parent not in json.dumps(team.of(name).call("GET", path))
    for knowing in ("other", "admin"):
        assert family.parent in json.dumps(team.of(knowing).call("GET", path))


@pytest.mark.parametrize("place", PLACES)
async def test_nor_does_one_over_the_socket(team: Team, family: Any, place: str) -> None:
    """The same calls over Socket.IO are told the same."""
    path, _, query = place.format(**vars(family)).partition("?")
    parts = path.strip("/").split("/")
    service, method, arguments = parts[0], "find", []
    if len(parts) == 3:
        service = "/".join(parts)
    elif len(parts) == 2:
        method, arguments = "get", [parts[1]]
    asked: dict[str, Any] = {}
    for pair in filter(None, query.split("&")):
        key, value = pair.split("=")
        asked = {**asked, "$select": [*asked.get("$select", []), value]} if "[]" in key else {**asked, key: value}
    for caller, may_know in ((team.member, False), (team.other, True)):
        async with raw(team.daemon.url) as client:
            await sign_in(client, caller)
            error, answer = await client.call(method, service, *arguments, asked)
            assert error is None
            assert (family.parent in json.dumps(answer)) is may_know


def test_a_change_is_answered_without_it(team: Team, family: Any) -> None:
    """Also the answers to changes, and the record that a refused one is compared with, are as the caller may see it."""
    path = f"/sessions/{family.child}"
    answers = [
        team.member.call("PATCH", path, {"title": "ours"}),
        team.member.call("PUT", path, {"title": "ours too"}),
        team.member.call("POST", f"/boards/{family.board}/sessions", {"session_id": family.child}),
        team.member.request("PATCH", path, {"title": "late", "version": 1})[1],
        team.member.call("PATCH", f"{path}?$select=genealogy", {"title": "ours too"}),
        team.member.call("PATCH", f"{path}?$select=parent_session_id", {"title": "ours too"}),
    ]
    assert answers[3]["data"]["current"]["title"] == "ours too"
    assert family.parent not in json.dumps(answers)
    assert answers[0]["parent_session_id"] is None
    assert answers[0]["genealogy"]["parent_session_id"] is None
    assert team.other.call("PATCH", path, {"title": "mine"})["parent_session_id"] == family.parent


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
@pytest.mark.parametrize("kind", ["child", "fork"])
def test_what_was_withheld_is_unchanged_when_it_comes_back(team: Team, family: Any, kind: str, method: str) -> None:
    """Each may send back the record as they were shown it, and the parent stays; nobody else's view of it will do, so
    that a guess at the parent is not confirmed."""
    path = f"/sessions/{getattr(family, kind)}"
    fields = (*ORIGIN, "genealogy")
    known = {name: value for name, value in team.other.call("GET", path).items() if name in fields}
    for caller, title in ((team.member, "ours"), (team.other, "mine")):
        shown = caller.call("GET", path)
        assert caller.call(method, path, {**shown, "title": title})["title"] == title
        assert (family.parent in json.dumps(shown)) is (caller is team.other)
    withheld = team.member.call("GET", path)
    assert known.items() <= team.other.call("GET", path).items()
    differing = [name for name in fields if known[name] != withheld[name]]
    assert len(differing) == 2
    for name in differing:
        for caller, wrong in ((team.member, known[name]), (team.other, withheld[name])):
            status, refusal = caller.request(method, path, {"title": "x", name: wrong})
            assert (status, refusal["errors"]) == (400, {name: ["Read-only."]})


@pytest.mark.parametrize(
    "query",
    [
        "parent_session_id={parent}",
        "parent_session_id[$gt]=0",
        "parent_session_id[$ne]=01990000-0000-7000-8000-000000000000&session_id={child}",
        "genealogy.parent_session_id[$gt]=0",
        "forked_from_session_id[$gt]=0",
        "$or[0][parent_session_id][$gt]=0&$or[1][forked_from_session_id][$gt]=0",
    ],
)
def test_nor_can_it_be_found_out_by_asking(team: Team, family: Any, query: str) -> None:
    """A query about origins finds no session whose origin is hidden, and counts none."""
    known = team.member.call("GET", f"/sessions?{query.format(**vars(family))}")
    assert {one["session_id"] for one in known["data"]} <= {family.grandchild}
    assert known["total"] == len(known["data"])
    found = team.other.call("GET", f"/sessions?{query.format(**vars(family))}")["data"]
    assert {one["session_id"] for one in found} & {family.child, family.fork}


@pytest.mark.parametrize("field", ["parent_session_id", "genealogy.parent_session_id"])
def test_nor_out_of_the_change_log(team: Team, family: Any, field: str) -> None:
    """The same for queries on what events carried."""
    for query in (f"payload.{field}={family.parent}", f"payload.{field}[$gt]=0"):
        assert team.member.call("GET", f"/events?{query}")["total"] == 0
        assert team.admin.call("GET", f"/events?{query}")["total"] > 0


async def test_events_name_it_to_those_alone_who_may_know(team: Team, family: Any) -> None:
    """Live and after coming back: each hears of the child, its maker with the parent, others without."""
    path = f"/sessions/{family.child}"
    pids, offsets = {}, {}
    async with raw(team.daemon.url) as strange, raw(team.daemon.url) as own:
        for name, client, caller in (("strange", strange, team.member), ("own", own, team.other)):
            await sign_in(client, caller)
            pids[name] = client.handshake["pid"]
        await asyncio.to_thread(team.other.call, "PATCH", path, {"title": "live"})
        for name, client in (("strange", strange), ("own", own)):
            (event,) = await client.events(1)
            assert (event[0], event[1]["title"]) == ("sessions patched", "live")
            assert event[1]["parent_session_id"] == (family.parent if name == "own" else None)
            assert (family.parent in json.dumps(event)) is (name == "own")
            offsets[name] = event[2]
    await asyncio.to_thread(team.other.call, "PATCH", path, {"title": "missed"})
    for name in ("strange", "own"):
        async with raw(team.daemon.url, auth={"pid": pids[name], "offset": offsets[name]}) as client:
            assert client.handshake["pid"] == pids[name]
            (event,) = await client.events(1)
            assert event[1]["title"] == "missed"
            assert (family.parent in json.dumps(event)) is (name == "own")
