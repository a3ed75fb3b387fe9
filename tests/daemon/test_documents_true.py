"""Whether the API documents are true: every operation is asked as its example says, every event is compared."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import ValidationError
from openapi_schema_validator import OAS31Validator

from tests.conformance.doors import Socket, connected
from tests.daemon.conftest import pending, until, wait_for_task
from tests.support.daemon import Daemon, running_daemon
from tests.support.documented import Operation, example_of, operations_of, query_of, same_shape
from tests.support.repository import make_repository
from tests.support.team import Client, make_user

SAMPLE = Path(__file__).parent.parent / "samples" / "claude-2.1" / "tools.jsonl"
SHOWN = 400
OWNER = "olga@example.com"
ANN = {"strategy": "local", "email": "ann@example.com", "password": "correct horse battery staple"}

# What these hold is the caller's, the agent's or the event's own.
FREE = {"payload", "preferences", "objects", "tool_input", "input", "content", "tokens", "report", "recovered"}

TURNS = [
    {"when": "ask", "steps": [{"write": {"path": "asked.txt", "content": "yes"}, "ask": True}]},
    {"when": "slowly", "steps": [{"text": "and so on " * 500, "pace_s": 0.5}]},
    {"when": "think", "steps": [{"thinking": "Let me see."}, {"text": "I see."}]},
    {"when": "break", "steps": [{"text": "I will"}, {"crash": True}]},
    {"when": "change", "steps": [{"write": {"path": "README.md", "content": "# Shop\n"}}, {"text": "Done."}]},
]


class Stage:
    """Records as the operations need them, each made anew."""

    def __init__(self, daemon: Daemon, owner: Client, repository: Path, heard: list[tuple[Any, ...]]) -> None:
        self.daemon, self.owner, self.repository, self.heard = daemon, owner, repository, heard
        self._numbers = itertools.count(1)
        self._at_work: list[str] = []
        self._shared: str | None = None
        self._to_read: dict[str, dict[str, Any]] = {}
        self.repo: dict[str, Any] = owner.call("POST", "/repos", {"local_path": str(repository)})

    def new_repository(self) -> Path:
        """A git repository that nobody knows yet."""
        return make_repository(self.repository.parent / f"other-{next(self._numbers)}", self.daemon.environment)

    def worktree(self, *, dirty: bool = False) -> dict[str, Any]:
        """A worktree, with something uncommitted in it or not."""
        data = {"repo_id": self.repo["repo_id"], "name": f"wt-{next(self._numbers)}"}
        worktree: dict[str, Any] = self.owner.call("POST", "/worktrees", data)
        if dirty:
            Path(worktree["path"], "README.md").write_text("# Shop\n")
        return worktree

    def session(self, *prompts: str, worktree: str | None = None) -> dict[str, Any]:
        """A session of the scripted agent, that was asked these things; all share a worktree where none is named."""
        if self._shared is None:
            self._shared = self.worktree()["worktree_id"]
        place = {"agent": "scripted", "worktree_id": worktree or self._shared}
        session: dict[str, Any] = self.owner.call("POST", "/sessions", place)
        for prompt in prompts:
            self.prompt(session, prompt)
        return session

    def prompt(self, session: dict[str, Any], prompt: str) -> dict[str, Any]:
        """The task of one more prompt; ended, unless it waits for others or for people."""
        task: dict[str, Any] = self.owner.call("POST", f"/sessions/{session['session_id']}/prompt", {"prompt": prompt})
        if prompt in ("ask", "slowly"):
            self._at_work.append(task["session_id"])
        elif task["status"] == "running":
            return wait_for_task(self.owner, task["task_id"])
        return task

    def settle(self) -> None:
        """End what would work for ever; only so many agents run at once."""
        while self._at_work:
            session = self._at_work.pop()
            if self.owner.call("GET", f"/sessions/{session}")["status"] in ("running", "awaiting_permission"):
                self.owner.call("POST", f"/sessions/{session}/stop", {})

    def waiting(self) -> dict[str, Any]:
        """A task that waits for another."""
        return self.prompt(self.session("slowly"), "then this")

    def question(self) -> dict[str, Any]:
        """A question that nobody has answered yet."""
        self.settle()
        self.session("ask")
        return pending(self.owner)

    def streaming(self) -> str:
        """The id of a message that is being said."""
        session = self.session("slowly")

        def said() -> list[dict[str, Any]]:
            chunks = [payload for name, payload, *_ in self.heard if name == "messages streaming:chunk"]
            return [chunk for chunk in chunks if chunk["session_id"] == session["session_id"]]

        until(said)
        return str(said()[0]["message_id"])

    def to_read(self, service: str) -> dict[str, Any]:
        """What all operations need that only read a record of this service; nobody changes that one."""
        if service not in self._to_read:
            self._to_read[service] = RECORDS[service](self)
        return self._to_read[service]

    def snapshot(self) -> tuple[str, str]:
        """A worktree, and a snapshot of it."""
        worktree = self.worktree(dirty=True)["worktree_id"]
        taken = self.owner.call("POST", f"/worktrees/{worktree}/snapshot", {})
        return worktree, taken["snapshot_id"]

    def user(self) -> dict[str, Any]:
        """An account."""
        data = {"email": f"user-{next(self._numbers)}@example.com", "password": "correct horse"}
        user: dict[str, Any] = self.owner.call("POST", "/users", data)
        return user

    def board(self) -> dict[str, Any]:
        """A board with a session on it."""
        board: dict[str, Any] = self.owner.call("POST", "/boards", {"name": "Release"})
        session = self.session()["session_id"]
        self.owner.call("POST", f"/boards/{board['board_id']}/sessions", {"session_id": session})
        filled: dict[str, Any] = self.owner.call("GET", f"/boards/{board['board_id']}")
        return filled

    def message(self) -> dict[str, Any]:
        """What an agent said."""
        session = self.session("change")
        said: list[dict[str, Any]] = self.owner.call(
            "GET", f"/messages?session_id={session['session_id']}&role=assistant"
        )["data"]
        return said[0]


def _id(make: Callable[[Stage], Any], field: str) -> Callable[[Stage], dict[str, Any]]:
    return lambda stage: {"ids": {"id": make(stage)[field]}}


def _comparable(stage: Stage) -> dict[str, Any]:
    session = stage.session(worktree=stage.worktree()["worktree_id"])
    return {"ids": {"id": stage.prompt(session, "change")["task_id"]}}


def _revocable(stage: Stage) -> dict[str, Any]:
    question = stage.question()
    stage.owner.call("POST", f"/permissions/{question['request_id']}/decide", {"allow": True, "scope": "session"})
    return {"ids": {"id": question["request_id"]}}


def _restorable(stage: Stage) -> dict[str, Any]:
    worktree = stage.worktree()["worktree_id"]
    stage.owner.call("DELETE", f"/worktrees/{worktree}")
    return {"ids": {"id": worktree}}


def _resumable(stage: Stage) -> dict[str, Any]:
    session = stage.session("slowly")
    stage.owner.call("POST", f"/sessions/{session['session_id']}/stop", {})
    return {"ids": {"id": session["session_id"]}}


def _with_worktree(stage: Stage) -> dict[str, Any]:
    return {"ids": {"id": stage.repo["repo_id"], "sub": stage.worktree()["name"]}}


def _with_session(stage: Stage) -> dict[str, Any]:
    board = stage.board()
    return {"ids": {"id": board["board_id"], "sub": board["sessions"][0]}}


def _signed_in(stage: Stage) -> dict[str, Any]:
    token = stage.daemon.call("POST", "/authentication", ANN)["accessToken"]
    return {"ids": {"id": token}, "headers": {"Authorization": f"Bearer {token}"}}


def _forgettable(stage: Stage) -> dict[str, Any]:
    return {"ids": {"id": stage.owner.call("POST", "/repos", {"local_path": str(stage.new_repository())})["repo_id"]}}


# What an operation needs beside a record of its service.
NEEDS: dict[str, Callable[[Stage], dict[str, Any]]] = {
    "authentication.remove": _signed_in,
    "authentication.remove_many": _signed_in,
    "boards.remove_session": _with_session,
    "messages.partial": lambda stage: {"ids": {"id": stage.streaming()}},
    "permissions.revoke": _revocable,
    "repos.create": lambda stage: {"body": {"local_path": str(stage.new_repository())}},
    "repos.clone": lambda stage: {"body": {"url": stage.new_repository().as_uri()}},
    "repos.remove": _forgettable,
    "repos.remove_worktree": _with_worktree,
    "sessions.import_transcript": lambda _stage: {"body": {"path": str(SAMPLE)}},
    "sessions.resume": _resumable,
    "sessions.stop": _id(lambda stage: stage.session("slowly"), "session_id"),
    "tasks.complete": _id(Stage.waiting, "task_id"),
    "tasks.diff": _comparable,
    "tasks.fail": _id(Stage.waiting, "task_id"),
    "tasks.patch": _id(Stage.waiting, "task_id"),
    "tasks.update": _id(Stage.waiting, "task_id"),
    "worktrees.diff": _id(lambda stage: stage.worktree(dirty=True), "worktree_id"),
    "worktrees.drop_snapshot": lambda stage: {"ids": dict(zip(("id", "sub"), stage.snapshot(), strict=True))},
    "worktrees.restore": _restorable,
    "worktrees.snapshot": _id(lambda stage: stage.worktree(dirty=True), "worktree_id"),
    "worktrees.snapshots": lambda stage: {"ids": {"id": stage.snapshot()[0]}},
    "worktrees.status": _id(lambda stage: stage.worktree(dirty=True), "worktree_id"),
}

RECORDS: dict[str, Callable[[Stage], dict[str, Any]]] = {
    "boards": _id(Stage.board, "board_id"),
    "messages": _id(Stage.message, "message_id"),
    "permissions": _id(Stage.question, "request_id"),
    "repos": lambda stage: {"ids": {"id": stage.repo["repo_id"]}},
    "sessions": _id(lambda stage: stage.session("change"), "session_id"),
    "tasks": lambda stage: {"ids": {"id": stage.prompt(stage.session(), "change")["task_id"]}},
    "users": _id(Stage.user, "user_id"),
    "worktrees": _id(Stage.worktree, "worktree_id"),
}


def _with_real_ids(stage: Stage, body: Any) -> Any:
    """An example's body, naming records there are."""
    if isinstance(body, list):
        return [_with_real_ids(stage, one) for one in body]
    if not isinstance(body, dict):
        return body
    real: dict[str, Callable[[], str]] = {
        "session_id": lambda: stage.session()["session_id"],
        "worktree_id": lambda: stage.worktree()["worktree_id"],
        "repo_id": lambda: stage.repo["repo_id"],
        "board_id": lambda: stage.board()["board_id"],
    }
    return {key: real[key]() if key in real else value for key, value in body.items()}


def _ask(stage: Stage, operation: Operation) -> Any:
    """Send the example, twice if it has an idempotency key; what comes has the shape that is documented."""
    stage.settle()
    needed: dict[str, Any] = {}
    if operation.id in NEEDS:
        needed = NEEDS[operation.id](stage)
    elif operation.service in RECORDS and operation.verb == "GET":
        needed = stage.to_read(operation.service)
    elif operation.service in RECORDS and "{id}" in operation.path:
        needed = RECORDS[operation.service](stage)
    url = operation.url(needed.get("ids", {}))
    body = _with_real_ids(stage, operation.example_body)
    if "body" in needed:
        assert body.keys() == needed["body"].keys()
        body = needed["body"]
    headers = dict(needed.get("headers", {}))
    is_idempotent = "Idempotency-Key" in operation.parameters
    assert is_idempotent == (operation.verb != "GET"), operation.id
    if is_idempotent:
        headers["Idempotency-Key"] = str(uuid.uuid4())
    status, answer = stage.owner.request(operation.verb, url, body, headers=headers)
    assert status == operation.status, f"{operation.id} {body}: {status} {answer}"
    operation.check(status, answer)
    same_shape(operation.example_answer, answer, FREE, operation.id)
    if is_idempotent:
        assert stage.owner.request(operation.verb, url, body, headers=headers) == (status, answer), operation.id
    return url, answer


def _check_parameters(stage: Stage, operation: Operation, url: str, answer: Any) -> None:
    """Each parameter of a reading operation is taken, and does what it says."""
    record = answer["data"][0] if isinstance(answer, dict) and answer.get("data") else {}

    def find(**values: Any) -> Any:
        query = "&".join(query_of(operation.parameters[name], value) for name, value in values.items())
        status, found = stage.owner.request("GET", f"{url}?{query}")
        assert status == 200, f"{operation.id} with {query}: {found}"
        operation.check(status, found)
        return found

    # Those of the record's fields are asked for together.
    fields = {name: record[name] for name in operation.parameters if record.get(name) is not None}
    if fields:
        found = find(**fields)
        assert found["data"], operation.id
        assert all(one[name] == value for one in found["data"] for name, value in fields.items()), operation.id
    for name in [name for name in operation.parameters if name not in record]:
        value = example_of(operation.parameters[name])
        found = find(**{name: value}, **({"session_id": record["session_id"]} if name == "$history" else {}))
        match name:
            case "$limit" | "$skip" if "files" not in found:
                assert found[name[1:]] == value
            case "$total":
                assert "total" not in found
            case "$select":
                shown = found["data"][0] if "data" in found else found
                assert shown.keys() - {"short_id"} == set(value)
            case "$query":
                assert found["data"] == []


@pytest.fixture
def told(environment: dict[str, str]) -> Path:
    """A conversation that Claude Code had on this machine."""
    folder = Path(environment["HOME"], ".claude", "projects", "-home-ann-shop")
    folder.mkdir(parents=True)
    return Path(shutil.copy(SAMPLE, folder / f"{uuid.uuid4()}.jsonl"))


def _walk(stage: Stage) -> list[str]:
    """Ask every operation; the ids of all of them. Raises all that is wrong at once."""
    asked, problems = [], []
    document = stage.daemon.call("GET", "/openapi.json")
    operations = sorted(operations_of(document), key=lambda one: one.id != "users.create")
    for operation in operations:
        asked.append(operation.id)
        try:
            url, answer = _ask(stage, operation)
            if operation.verb == "GET":
                _check_parameters(stage, operation, url, answer)
        except (AssertionError, ValidationError) as problem:
            problems.append(f"{operation.id}: {str(problem)[:SHOWN]}")
    assert not problems, "\n".join(problems)
    return asked


async def test_every_operation_and_every_event_is_as_documented(
    environment: dict[str, str], tmp_path: Path, repository: Path, scenario: Any, told: Path
) -> None:
    """Each example is accepted, once per idempotency key; answers have the shape of theirs; so has every event."""
    scenario(*TURNS)
    await asyncio.to_thread(make_user, environment, OWNER)
    with running_daemon(tmp_path, environment=environment) as daemon:
        owner = await asyncio.to_thread(Client, daemon, OWNER)
        headers = {"Authorization": f"Bearer {owner.token}"}
        async with connected(daemon.url, headers=headers) as screen:
            stage = await asyncio.to_thread(Stage, daemon, owner, repository, screen.heard)
            asked = await asyncio.to_thread(_walk, stage)
            await asyncio.to_thread(_what_no_operation_causes, stage)
            newest = await asyncio.to_thread(_newest, stage)
            await asyncio.to_thread(until, lambda: _has_heard(screen, newest))
            _check_events(await asyncio.to_thread(daemon.call, "GET", "/asyncapi.json"), screen)
        assert len(asked) == len(set(asked)) > 70
        assert NEEDS.keys() <= set(asked)


def _what_no_operation_causes(stage: Stage) -> None:
    """Let an agent think and another break off, and delete a session that asked."""
    for prompt in ("think", "break"):
        stage.session(prompt)
    asked = stage.question()["session_id"]
    stage.settle()
    stage.owner.call("DELETE", f"/sessions/{asked}")


def _newest(stage: Stage) -> int:
    """The seq of the last event there is."""
    seq: int = stage.owner.call("GET", "/events?$sort[seq]=-1&$limit=1")["data"][0]["seq"]
    return seq


def _has_heard(screen: Socket, seq: int) -> bool:
    """Whether this logged event came, and so all before it."""
    return any(int(offset.split(".")[1]) >= seq for _, _, *offsets in screen.heard for offset in offsets)


def _check_events(document: dict[str, Any], screen: Socket) -> None:
    """Each event that was heard is described, and carries what the document says; and nearly all there are came."""
    described = {channel["address"]: channel["messages"]["event"] for channel in document["channels"].values()}
    for name, payload, *offset in screen.heard:
        message = described[name]
        OAS31Validator({**message["payload"], "components": document["components"]}).validate(payload)
        same_shape(message["examples"][0]["payload"], payload, FREE, name)
        assert bool(offset) == message["x-logged"], name
    missing = described.keys() - {name for name, *_ in screen.heard}
    # Worktrees of the user's own go with their repository; a small clone may be too quick for any news of it.
    assert missing <= {"worktrees removed", "repos clone:progress"}, missing


def test_descriptions_are_for_callers(daemon: Daemon) -> None:
    """Nothing a developer says to another, nothing that was made up, in any description or example."""
    document = daemon.call("GET", "/openapi.json")
    for tag in document["tags"]:
        assert not re.search(r"The service `|app\.use|params|tx\b", tag["description"]), tag
    for operation in operations_of(document):
        said = f"{operation.spec['summary']} {operation.spec.get('description', '')}"
        assert operation.spec["summary"].endswith((".", "!")), said
        assert not re.search(r"\bRaises\b|`params`|\bAs `", said), (operation.id, said)
        for example in (operation.example_body, operation.example_answer):
            assert '"text"' not in re.sub(r'"(type|chunk)": "text"|"text": ', "", json.dumps(example)), operation.id
