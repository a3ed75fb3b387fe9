"""Entities without a database: what fork and spawn mean, what is accepted, and what travels."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from sqlmodel import Field, SQLModel

from agor_core.errors import BadRequest
from agor_core.models import (
    ENTITIES,
    GitState,
    Message,
    MessageRange,
    ModelConfig,
    PermissionConfig,
    RepoRef,
    Session,
    Task,
    User,
    Worktree,
    forked,
    generate,
    spawned,
    status_after_task,
    summary,
)
from agor_core.models.message import preview
from agor_core.models.schema import coerce_query, load, load_as, load_patch, schema_for
from agor_core.models.shape import fields_of
from agor_core.models.wire import record_columns, to_wire, whole_reader


def test_an_entity_has_the_columns_it_has() -> None:
    """A new entity has its own defaults in what it was not given; a column it has not is an error, not ignored."""
    one, other = Session(agent="codex"), Session(agent="codex", status="failed")
    assert (one.status, other.status, one.created_by) == ("idle", "failed", None)
    assert one.session_id != other.session_id
    one.data.concepts.append("of one only")
    assert other.data.concepts == Session(agent="codex").data.concepts == []
    with pytest.raises(TypeError, match="colour"):
        Session(agent="codex", colour="red")  # type: ignore[call-arg]  # which is refused
    with pytest.raises(ValueError, match="colour"):
        one.colour = "red"


def a_parent() -> Session:
    """A session with something in every field a descendant might take over."""
    parent = Session(agent="codex", board_id="board", worktree_id="tree", sharing="private", created_by="ann")
    parent.data.title = "parent"
    parent.data.repo = RepoRef(cwd="/work", repo_slug="r")
    parent.data.git_state = GitState(ref="main", current_sha="a" * 40)
    parent.data.permission_config = PermissionConfig(mode="plan")
    parent.data.llm_config = ModelConfig(model="big")
    parent.data.agent_session_id = "theirs"
    parent.data.usage.input_tokens = 5
    parent.message_count = parent.next_index = 7
    return parent


def test_a_fork_takes_place_and_configuration_along_and_no_counter() -> None:
    """A fork works where its parent does; what was counted, and the agent's own id, stays with the parent."""
    parent, point = a_parent(), Task(session_id="s", task_id="point")
    point.data.message_range = MessageRange(start_index=2, end_index=4, start_timestamp=1)
    fork = forked(parent, point=point, created_by="bob", title="again")
    assert (fork.forked_from_session_id, fork.parent_session_id) == (parent.session_id, None)
    assert (fork.first_index, fork.next_index, fork.message_count) == (5, 5, 0)
    assert (fork.agent, fork.board_id, fork.worktree_id, fork.sharing) == ("codex", "board", "tree", "private")
    assert (fork.data.repo, fork.data.git_state) == (parent.data.repo, parent.data.git_state)
    assert (fork.created_by, fork.data.title, fork.status) == ("bob", "again", "idle")
    assert (fork.data.agent_session_id, fork.data.usage.input_tokens, fork.data.version) == (None, 0, 1)
    assert fork.data.genealogy.fork_point_task_id == "point"
    fork.data.permission_config.mode = "default"
    assert parent.data.permission_config.mode == "plan"


def test_a_child_begins_afresh() -> None:
    """A spawned session has no history; another agent does not inherit a model it would not know."""
    parent = a_parent()
    child = spawned(parent, point=None, created_by=None)
    other = spawned(parent, point=None, created_by=None, agent="gemini", permission_mode="default")
    assert (child.parent_session_id, child.forked_from_session_id) == (parent.session_id, None)
    assert (child.next_index, child.data.llm_config.model) == (0, "big")
    assert (other.agent, other.data.llm_config.model, other.data.permission_config.mode) == ("gemini", None, "default")


@pytest.mark.parametrize(
    ("task", "is_child", "waiting", "session"),
    [
        ("completed", False, 0, "idle"),
        ("completed", True, 0, "completed"),
        ("completed", True, 1, "idle"),
        ("stopped", True, 0, "idle"),
        ("failed", False, 2, "failed"),
    ],
)
def test_a_session_follows_its_task(task: Any, is_child: bool, waiting: int, session: str) -> None:
    """The status of a session once its task ended."""
    assert status_after_task(task, is_child=is_child, waiting=waiting) == session


def test_a_summary_is_the_first_line_at_most_120_characters() -> None:
    """Long first lines end in an ellipsis; leading blank lines do not count."""
    assert summary("\n\n first \nsecond") == "first"
    assert summary("") == ""
    assert len(summary("x" * 500)) == 120


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        ("a\n b", "a b"),
        ("x" * 300, "x" * 200),
        ([{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "hello"}], "hello"),
        ([{"type": "tool_use", "name": "Read", "input": {}}], "[Read]"),
        ([{"type": "tool_result", "content": [{"type": "text", "text": "done"}]}], "done"),
        ([], ""),
        (None, ""),
        ({"odd": 1}, ""),
    ],
)
def test_a_preview_is_what_was_said_or_else_done(content: Any, shown: str) -> None:
    """200 characters of the words of a message, or of its deeds if it has none."""
    assert preview(content) == shown


def test_a_record_is_columns_and_data_side_by_side() -> None:
    """Times travel as ISO text, absent things as null, hidden ones not at all."""
    worktree = Worktree(repo_id="r", name="w", created_at=1_700_000_000_000)
    worktree.data.last_used = 1_700_000_000_001
    record = to_wire(worktree)
    assert (record["created_at"], record["last_used"]) == ("2023-11-14T22:13:20.000Z", "2023-11-14T22:13:20.001Z")
    assert record["board_id"] is None
    assert "data" not in record
    user = User(email="a@example.com", password="hash")
    assert not {"password", "token_generation"} & set(to_wire(user))
    assert not {"first_index", "next_index", "agent_cost_usd"} & set(to_wire(a_parent()))
    assert to_wire(a_parent())["model_config"] == {"model": "big", "thinking_tokens": None}


@pytest.mark.parametrize("driver", [dict, lambda data: orjson.dumps(data).decode()], ids=["read", "as text"])
def test_a_row_of_an_earlier_version_is_read(driver: Any) -> None:
    """A field that has become a column is read from the column; one that is new has its default; one that is no more is
    not told."""
    row = [getattr(a_parent(), name) for name in record_columns(Session)]
    (record,) = whole_reader(Session)([[*row, driver({"status": "failed", "title": "kept", "mood": "sunny"})]])
    assert (record["status"], record["title"], record["concepts"]) == (a_parent().status, "kept", [])
    assert record.keys() == to_wire(a_parent()).keys()


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"nope": 1}, "nope"),
        ({"title": 5}, "title"),
        ({"title": "x" * 1001}, "title"),
        ({"title": "a\0"}, "title"),
        ({"title": "\ud800"}, "title"),
        ({"sharing": "some"}, "sharing"),
        ({"archived": "true"}, "archived"),
        ({"archived": None}, "archived"),
        ({"concepts": ["a", 1]}, "concepts.1"),
        ({"position": {"x": "1", "y": 2}}, "position.x"),
        ({"position": {"x": 1}}, "position.y"),
        ({"position": {"x": float("nan"), "y": 0}}, "position.x"),
        ({"model_config": {"thinking_tokens": -1}}, "model_config.thinking_tokens"),
        ({"session_id": "other"}, "session_id"),
        ({"message_count": 8}, "message_count"),
    ],
)
def test_what_cannot_be_is_refused_by_field(sent: Any, field: str) -> None:
    """Unknown, of the wrong type, too long, out of range, or read-only: each is named, with a reason."""
    writable = ("title", "archived", "sharing", "concepts", "position", "model_config")
    with pytest.raises(BadRequest) as refused:
        load_patch(Session, sent, writable, [to_wire(a_parent())])
    assert list(refused.value.errors) == [field]
    assert refused.value.errors[field]


def test_a_read_only_field_sent_unchanged_is_ignored() -> None:
    """Clients may send a whole record back; only what they may change is taken."""
    shown = {**to_wire(a_parent()), "tasks": ["1"]}
    sent = {**shown, "title": "new"}
    assert load_patch(Session, sent, ("title",), [{}, shown]) == {"title": "new"}
    with pytest.raises(BadRequest) as refused:
        load_patch(Session, {**sent, "tasks": []}, ("title",), [{}, shown])
    assert refused.value.errors == {"tasks": ["Read-only."]}


def test_data_is_loaded_as_python_keeps_it() -> None:
    """Times become milliseconds; what is required must be there unless it is a patch."""
    sent = {"session_id": "s", "type": "user", "role": "user", "timestamp": "2023-11-14T22:13:20Z", "content": [1]}
    assert load(Message, sent)["timestamp"] == 1_700_000_000_000
    with pytest.raises(BadRequest) as refused:
        load(Message, {"session_id": "s"})
    assert set(refused.value.errors) == {"type", "role"}
    bodies: tuple[Any, ...] = (None, [], "text")
    for nothing in bodies:
        with pytest.raises(BadRequest):
            load(Message, nothing)


class Inner(SQLModel):
    """Part of a request."""

    name: str = Field(max_length=5)


class Request(SQLModel):
    """A request body as services declare them."""

    count: int = Field(ge=1)
    inner: Inner | None = None
    llm_config: Inner | None = Field(default=None, alias="model_config")


def test_a_request_is_loaded_as_its_class() -> None:
    """Nested objects, limits and aliases of request classes work like those of entities."""
    request = load_as(Request, {"count": 2, "inner": {"name": "a"}, "model_config": {"name": "b"}})
    assert request.inner == Inner(name="a")
    assert request.llm_config == Inner(name="b")
    with pytest.raises(BadRequest) as refused:
        load_as(Request, {"count": 0, "inner": {"name": "toolong"}, "llm_config": {"name": "b"}})
    assert set(refused.value.errors) == {"count", "inner.name", "llm_config"}


def test_a_query_gets_the_types_of_its_fields() -> None:
    """What comes as text from a URL is a number, a truth or a null where the field is one, at any depth."""
    query = {"$or": [{"archived": "true"}, {"position.x": {"$gt": "1.5"}}], "$limit": "5", "parent_session_id": "null"}
    assert coerce_query(Session, query) == {
        "$or": [{"archived": True}, {"position.x": {"$gt": 1.5}}],
        "$limit": 5,
        "parent_session_id": None,
    }
    kept = {"agent": "5", "message_count": "many", "nope": "1", "created_at": "2023-11-14T22:13:20Z"}
    assert coerce_query(Session, kept) == kept


@pytest.mark.parametrize("path", ENTITIES)
def test_every_entity_has_a_schema_of_its_public_fields(path: str) -> None:
    """The schema has just the fields that travel; nothing hidden can be sent either."""
    entity = ENTITIES[path]
    public = {name for name, field in fields_of(entity).items() if not field.is_hidden}
    assert set(schema_for(entity)().fields) == public
    assert {"created_at", "last_updated", "created_by"} <= public


def test_generated_types_are_current() -> None:
    """The SDK's dataclasses and the frontend's types are what the entities say."""
    assert generate.stale() == []
