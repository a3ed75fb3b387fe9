"""Answers that stand: a yes or no for a session, a project or a user answers later questions, until it is revoked."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.conftest import Playing, pending, start_session, wait_for_task
from tests.support.daemon import Caller, Daemon
from tests.support.repository import make_repository
from tests.support.team import Client, running_team


def run(command: str) -> dict[str, Any]:
    return {"bash": {"command": command}, "ask": True}


ASKS = [
    {"when": "one", "steps": [run("echo one >> said"), {"text": "Done."}]},
    {"when": "two", "steps": [run("echo two >> said"), {"text": "Done."}]},
    {"when": "write", "steps": [{"write": {"path": "asked.txt", "content": "theirs"}, "ask": True}, {"text": "Done."}]},
]


def prompt(daemon: Caller, session: dict[str, Any], text: str) -> str:
    return str(daemon.call("POST", f"/sessions/{session['session_id']}/prompt", {"prompt": text})["task_id"])


def questions(daemon: Daemon, task_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = daemon.call("GET", f"/permissions?task_id={task_id}")["data"]
    return found


def answered_alone(daemon: Daemon, session: dict[str, Any], text: str) -> dict[str, Any]:
    """The question of a prompt that nobody had to answer."""
    task_id = prompt(daemon, session, text)
    assert wait_for_task(daemon, task_id)["status"] == "completed"
    (question,) = questions(daemon, task_id)
    return question


def decide(daemon: Caller, question: dict[str, Any], **answer: Any) -> dict[str, Any]:
    decided: dict[str, Any] = daemon.call("POST", f"/permissions/{question['request_id']}/decide", answer)
    return decided


def asks(daemon: Daemon, session: dict[str, Any], text: str, **answer: Any) -> dict[str, Any]:
    """What was decided about a prompt that a person was asked about, whatever stands: no, unless `answer` says so."""
    task = prompt(daemon, session, text)
    decided = decide(daemon, pending(daemon), **{"allow": False, **answer})
    assert wait_for_task(daemon, task)["status"] == "completed"
    return decided


def test_a_yes_for_the_session_spares_the_same_question(repository: Path, playing: Playing) -> None:
    """It covers that command in that session, also after a restart; another command or session is asked about."""
    with playing(*ASKS) as daemon:
        session = start_session(daemon, repository)
        first = prompt(daemon, session, "one")
        question = pending(daemon)
        assert question["rules"] == ["Bash(echo one >> said)"]
        given = decide(daemon, question, allow=True, scope="session")
        assert wait_for_task(daemon, first)["status"] == "completed"
    with playing() as daemon:
        again = answered_alone(daemon, session, "one")
        assert again["status"] == "approved"
        assert again["rule_request_id"] == question["request_id"]
        assert again["decided_by"] == given["decided_by"]
        assert "Bash(echo one >> said)" in again["reason"]
        assert "session" in again["reason"]
        assert Path(session["repo"]["cwd"], "said").read_text() == "one\none\n"
        asks(daemon, session, "two")
        asks(daemon, start_session(daemon, repository, "other"), "one")


def test_a_rule_that_is_revoked_answers_no_more(repository: Path, playing: Playing) -> None:
    """Rules are found by their scope; a revoked one is asked about again, says who revoked it, and cannot be again."""
    with playing(*ASKS) as daemon:
        session = start_session(daemon, repository)
        given = asks(daemon, session, "one", allow=True, scope="session")
        answered_alone(daemon, session, "one")
        listed = daemon.call("GET", "/permissions?scope[$in][]=session&scope[$in][]=project&revoked_at=null")["data"]
        assert [rule["request_id"] for rule in listed] == [given["request_id"]]
        path = f"/permissions/{given['request_id']}/revoke"
        assert daemon.call("POST", path, {})["revoked_at"] is not None
        status, error = daemon.request("POST", path, {})
        assert (status, error["name"]) == (409, "Conflict")
        asks(daemon, session, "one", reason="not any more")


def test_a_no_can_stand_too(repository: Path, playing: Playing) -> None:
    """A no for the session refuses the same again, with its reason, and wins over a yes."""
    with playing(*ASKS) as daemon:
        session = start_session(daemon, repository)
        first = prompt(daemon, session, "one")
        decide(daemon, pending(daemon), allow=False, scope="session", reason="use make")
        wait_for_task(daemon, first)
        second = prompt(daemon, session, "two")
        decide(daemon, pending(daemon), allow=True, scope="session", rules=["Bash"])
        wait_for_task(daemon, second)
        assert answered_alone(daemon, session, "two")["status"] == "approved"
        refused = answered_alone(daemon, session, "one")
        assert refused["status"] == "denied"
        assert "use make" in refused["reason"]
        results = daemon.call("GET", f"/messages?task_id={refused['task_id']}")["data"]
        assert "use make" in str([message["content"] for message in results])
        assert Path(session["repo"]["cwd"], "said").read_text() == "two\ntwo\n"


def test_a_yes_does_not_allow_what_a_no_may_mean(repository: Path, scenario: Any, playing: Playing) -> None:
    """A command that was refused is asked about inside a longer line, even where every command line is allowed."""
    scenario(
        {"when": "plain", "steps": [run("touch it"), {"text": "Done."}]},
        {"when": "hidden", "steps": [run("cd . && touch it"), {"text": "Done."}]},
        *ASKS,
    )
    with playing() as daemon:
        session = start_session(daemon, repository)
        for text, allow, rule in (("plain", False, "Bash(touch *)"), ("two", True, "Bash")):
            task_id = prompt(daemon, session, text)
            decide(daemon, pending(daemon), allow=allow, scope="session", rules=[rule])
            wait_for_task(daemon, task_id)
        assert answered_alone(daemon, session, "two")["status"] == "approved"
        hidden = prompt(daemon, session, "hidden")
        question = pending(daemon)
        assert question["task_id"] == hidden
        decide(daemon, question, allow=False)
        assert wait_for_task(daemon, hidden)["status"] == "completed"
        assert not Path(session["repo"]["cwd"], "it").exists()


def test_a_yes_for_the_project_holds_in_its_sessions(
    repository: Path, tmp_path: Path, environment: Any, playing: Playing
) -> None:
    """All sessions on the repository are covered, those of another repository are not."""
    with playing(*ASKS) as daemon:
        session = start_session(daemon, repository)
        first = prompt(daemon, session, "write")
        question = pending(daemon)
        assert question["rules"] == ["Edit(./**)"]
        decide(daemon, question, allow=True, scope="project")
        wait_for_task(daemon, first)
        assert answered_alone(daemon, start_session(daemon, repository, "second"), "write")["status"] == "approved"
        elsewhere = make_repository(tmp_path / "elsewhere", environment)
        stranger = daemon.call("POST", "/sessions", {"agent": "scripted", "cwd": str(elsewhere)})
        asks(daemon, stranger, "write")


def test_a_repository_that_takes_sessions_in_widens_no_answer(repository: Path, playing: Playing) -> None:
    """What was answered for a folder still counts in its sessions from before, and in no other of the repository; what
    is answered for the repository does not count in them."""
    (repository / "docs").mkdir()
    with playing(*ASKS) as daemon:

        def start(folder: Path = repository) -> dict[str, Any]:
            session: dict[str, Any] = daemon.call("POST", "/sessions", {"agent": "scripted", "cwd": str(folder)})
            return session

        first, second, below = start(), start(), start(repository / "docs")
        asks(daemon, first, "one", allow=True, scope="project")
        repo = daemon.call("POST", "/repos", {"local_path": str(repository)})
        for session in (first, second, below):
            place = daemon.call("GET", f"/sessions/{session['session_id']}")["repo"]
            assert place["repo_id"] == repo["repo_id"]
        for session in (first, second):
            assert answered_alone(daemon, session, "one")["status"] == "approved"
        later, in_worktree = start(), start_session(daemon, repository, "w")
        for session in (below, later, in_worktree):
            asks(daemon, session, "one")
        asks(daemon, in_worktree, "two", allow=True, scope="project", rules=["Bash"])
        assert answered_alone(daemon, later, "two")["status"] == "approved"
        for session in (first, second, below):
            asks(daemon, session, "two")
        fork = daemon.call("POST", f"/sessions/{first['session_id']}/fork", {})
        assert answered_alone(daemon, fork, "one")["status"] == "approved"
        asks(daemon, fork, "two")


def test_a_plan_is_never_answered_with_an_old_yes(repository: Path, playing: Playing) -> None:
    """In mode `plan` people are asked, whatever rules stand."""
    with playing(*ASKS) as daemon:
        session = start_session(daemon, repository)
        asks(daemon, session, "one", allow=True, scope="user")
        path = f"/sessions/{session['session_id']}/prompt"
        task = daemon.call("POST", path, {"prompt": "one", "permission_mode": "plan"})
        decide(daemon, pending(daemon), allow=False)
        assert wait_for_task(daemon, task["task_id"])["status"] == "completed"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ({"scope": "session", "rules": ["Bash(rm *)"]}, "none of these rules"),
        ({"scope": "session", "rules": ["no rule at all"]}, "is no rule"),
        ({"scope": "session", "rules": []}, "rules"),
        ({"rules": ["Bash"]}, "scope"),
        ({"scope": "for ever"}, "scope"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(
    repository: Path, answer: dict[str, Any], says: str, playing: Playing
) -> None:
    """The question stays open, and the error says what is wrong."""
    with playing(*ASKS) as daemon:
        prompt(daemon, start_session(daemon, repository), "one")
        question = pending(daemon)
        path = f"/permissions/{question['request_id']}/decide"
        status, error = daemon.request("POST", path, {"allow": True, **answer})
        assert status == 400
        assert says in str(error)
        assert daemon.call("GET", f"/permissions/{question['request_id']}")["status"] == "pending"


def test_what_a_person_changed_is_what_they_allowed(repository: Path, playing: Playing) -> None:
    """A changed input runs as changed, is kept, and the rule is about it, not about what the agent asked for."""
    with playing(*ASKS) as daemon:
        session = start_session(daemon, repository)
        first = prompt(daemon, session, "one")
        mine = {"command": "echo mine >> said"}
        given = decide(daemon, pending(daemon), allow=True, scope="session", updated_input=mine)
        assert wait_for_task(daemon, first)["status"] == "completed"
        assert given["rules"] == ["Bash(echo mine >> said)"]
        assert given["updated_input"] == mine
        assert Path(session["repo"]["cwd"], "said").read_text() == "mine\n"
        prompt(daemon, session, "one")
        assert pending(daemon)["tool_input"] == {"command": "echo one >> said"}


def test_any_acp_agent_is_answered_by_the_same_rules(repository: Path, environment: Any, playing: Playing) -> None:
    """Its own "always" is not taken: each use is allowed once, has its row, and ends with the rule."""
    environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    environment["AGOR_AGENTS_OTHER_COMMAND"] = f"{sys.executable} -m tests.fake_acp.agent"
    with playing() as daemon:
        session = start_session(daemon, repository, agent="other", permission_config={"mode": "default"})
        first = prompt(daemon, session, "write a.txt hello")
        question = pending(daemon)
        assert [one["kind"] for one in question["suggestions"]] == ["allow_always"]
        assert question["rules"] == ["Edit(./**)"]
        decide(daemon, question, allow=True, scope="session")
        wait_for_task(daemon, first)
        again = answered_alone(daemon, session, "write b.txt hello")
        assert again["rule_request_id"] == question["request_id"]
        assert Path(session["repo"]["cwd"], "b.txt").exists()
        daemon.call("POST", f"/permissions/{question['request_id']}/revoke", {})
        prompt(daemon, session, "write c.txt hello")
        assert pending(daemon)["tool_input"]["path"] == "c.txt"


def test_who_may_let_an_answer_stand(
    repository: Path, tmp_path: Path, environment: dict[str, str], scenario: Any
) -> None:
    """A member decides for a session, and for their own ones; for a project, who may change the repository."""
    scenario(*ASKS)
    with running_team(tmp_path, environment) as team:
        owner, member = team.owner, team.member
        repo = owner.call("POST", "/repos", {"local_path": str(repository)})

        def session_of(client: Client, name: str) -> dict[str, Any]:
            worktree = client.call("POST", "/worktrees", {"repo_id": repo["repo_id"], "name": name})
            data = {"agent": "scripted", "worktree_id": worktree["worktree_id"]}
            made: dict[str, Any] = client.call("POST", "/sessions", data)
            return made

        theirs, mine = session_of(owner, "theirs"), session_of(member, "mine")
        task = prompt(owner, theirs, "one")
        question = pending(owner)
        path = f"/permissions/{question['request_id']}/decide"
        assert team.viewer.request("POST", path, {"allow": True})[0] == 403
        status, error = member.request("POST", path, {"allow": True, "scope": "project"})
        assert status == 403
        assert "repository" in error["message"]
        given = decide(member, question, allow=True, scope="user")
        completed(owner, task)
        # The member's own session is covered, the owner's second prompt is not.
        completed(member, prompt(member, mine, "one"))
        task = prompt(owner, theirs, "one")
        rule = decide(owner, pending(owner), allow=True, scope="project")
        completed(owner, task)
        completed(owner, prompt(owner, theirs, "one"))
        for client, one, code in (
            (team.viewer, rule, 403),
            (member, rule, 403),
            (team.other, given, 403),
            (member, given, 200),
            (owner, rule, 200),
        ):
            assert client.request("POST", f"/permissions/{one['request_id']}/revoke", {})[0] == code


def test_a_private_sessions_answer_decides_for_nobody_else(
    repository: Path, tmp_path: Path, environment: dict[str, str], scenario: Any
) -> None:
    """A rule for the project that others cannot see does not hold in their sessions."""
    scenario(*ASKS)
    with running_team(tmp_path, environment) as team:
        owner, admin = team.owner, team.admin
        data = {"agent": "scripted", "cwd": str(repository)}
        task = prompt(owner, owner.call("POST", "/sessions", {**data, "sharing": "private"}), "one")
        decide(owner, pending(owner), allow=True, scope="project")
        completed(owner, task)
        completed(owner, prompt(owner, owner.call("POST", "/sessions", data), "one"))
        prompt(admin, admin.call("POST", "/sessions", data), "one")
        assert pending(admin)["rules"] == ["Bash(echo one >> said)"]


@pytest.mark.parametrize("scope", ["project", "user"])
def test_a_rule_outlives_the_session_it_was_given_in(repository: Path, playing: Playing, scope: str) -> None:
    """Deleted with its task and its session, a rule for more than that answers on, is listed, and can be revoked."""
    with playing(*ASKS) as daemon:
        first = start_session(daemon, repository)
        task_id = prompt(daemon, first, "one")
        rule = decide(daemon, pending(daemon), allow=True, scope=scope)
        wait_for_task(daemon, task_id)
        once = prompt(daemon, first, "two")
        decide(daemon, pending(daemon), allow=True)
        wait_for_task(daemon, once)
        daemon.call("DELETE", f"/tasks/{task_id}")
        assert answered_alone(daemon, first, "one")["rule_request_id"] == rule["request_id"]
        daemon.call("DELETE", f"/sessions/{first['session_id']}")
        # Of what was asked there only the rule is left.
        (left,) = daemon.call("GET", "/permissions")["data"]
        assert (left["request_id"], left["session_id"], left["task_id"]) == (rule["request_id"], None, None)
    with playing() as daemon:
        second = start_session(daemon, repository, "second")
        use = answered_alone(daemon, second, "one")
        assert (use["status"], use["rule_request_id"]) == ("approved", rule["request_id"])
        assert daemon.request("POST", f"/permissions/{rule['request_id']}/decide", {"allow": False})[0] == 409
        assert daemon.call("POST", f"/permissions/{rule['request_id']}/revoke", {})["revoked_at"] is not None
        prompt(daemon, second, "one")
        assert pending(daemon)["rules"] == ["Bash(echo one >> said)"]


def test_a_rule_of_a_private_session_that_is_gone_is_its_owners_alone(
    repository: Path, tmp_path: Path, environment: dict[str, str], scenario: Any
) -> None:
    """It goes on for its owner, decides for nobody else, and others do not learn of it."""
    scenario(*ASKS)
    with running_team(tmp_path, environment) as team:
        owner, member = team.owner, team.member
        repo = owner.call("POST", "/repos", {"local_path": str(repository)})
        data = {
            name: {
                "agent": "scripted",
                "worktree_id": team.of(name).call("POST", "/worktrees", {"repo_id": repo["repo_id"], "name": name})[
                    "worktree_id"
                ],
            }
            for name in ("owner", "member")
        }
        private = owner.call("POST", "/sessions", {**data["owner"], "sharing": "private"})
        task = prompt(owner, private, "one")
        rule = decide(owner, pending(owner), allow=True, scope="project")
        completed(owner, task)
        owner.call("DELETE", f"/sessions/{private['session_id']}")
        completed(owner, prompt(owner, owner.call("POST", "/sessions", data["owner"]), "one"))
        prompt(member, member.call("POST", "/sessions", data["member"]), "one")
        assert pending(member)["rules"] == ["Bash(echo one >> said)"]
        path = f"/permissions/{rule['request_id']}"
        assert [client.request("GET", path)[0] for client in (member, team.admin, owner)] == [404, 200, 200]
        ids = [one["request_id"] for one in member.call("GET", "/permissions")["data"]]
        assert rule["request_id"] not in ids
        assert member.request("POST", f"{path}/revoke", {})[0] == 404
        assert owner.request("POST", f"{path}/revoke", {})[0] == 200


def completed(client: Client, task_id: str) -> None:
    task = wait_for_task(client, task_id)
    assert task["status"] == "completed", task
