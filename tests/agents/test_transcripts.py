"""Reading what Claude Code wrote: real transcripts of two generations, and damaged ones."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agor_core.agents import Usage
from agor_core.agents.claude_code.entries import TranscriptMessage
from agor_core.agents.claude_code.home import project_slug
from agor_core.agents.claude_code.transcript import (
    Transcript,
    find_transcript,
    list_transcripts,
    read_transcript,
)
from agor_core.errors import NotFound
from tests.agents.conftest import blocks

SAMPLES = Path(__file__).parent.parent / "samples"
GENERATIONS = ("claude-2.0", "claude-2.1")

Sample = Callable[[str], Transcript]


def kinds(messages: list[TranscriptMessage]) -> list[list[str] | str]:
    """Per message its role, or the types of its blocks."""
    return [
        [block["type"] for block in message.content] if isinstance(message.content, list) else message.role
        for message in messages
    ]


@pytest.fixture(params=GENERATIONS)
def sample(request: pytest.FixtureRequest) -> Sample:
    """Reads a sample of either generation."""
    return lambda name: read_transcript(SAMPLES / request.param / f"{name}.jsonl")


def test_tasks_begin_at_what_the_person_asked(sample: Sample) -> None:
    """Two prompts make two tasks, in order, with times; tool results begin none."""
    transcript = sample("tools")
    assert [task.prompt for task in transcript.tasks] == ["Rename the greeting in hello.py", "Write some notes"]
    first, second = transcript.tasks
    assert first.started_at < first.ended_at < second.started_at < second.ended_at
    assert transcript.preamble == []


def test_blocks_of_one_answer_are_one_message(sample: Sample) -> None:
    """What was written as a record per block is one message again; parallel tools keep both their results."""
    first, second = sample("tools").tasks
    assert kinds(first.messages)[1:] == [
        ["text", "tool_use"],
        ["tool_result"],
        ["tool_use"],
        ["tool_result"],
        ["text", "tool_use", "tool_use"],
        ["tool_result"],
        ["tool_result"],
        ["text"],
    ]
    assert kinds(second.messages)[1:] == [["tool_use"], ["tool_result"], ["text"]]
    answered = {blocks(m)[0]["tool_use_id"] for m in first.messages if kinds([m]) == [["tool_result"]]}
    asked = {b["id"] for m in first.messages for b in m.content if isinstance(b, dict) and b["type"] == "tool_use"}
    assert answered == asked


def test_usage_is_counted_once_an_answer(sample: Sample) -> None:
    """Six answers of 1000 and 100 tokens, though each block's record repeats them."""
    assert sample("tools").usage == Usage(6000, 600)
    assert sample("tools").tasks[1].usage == Usage(2000, 200)


def test_what_the_file_tells_about_the_conversation(sample: Sample) -> None:
    """Directory, branch, model, version and Claude's own session id."""
    transcript = sample("tools")
    assert (transcript.cwd, transcript.git_branch) == ("/home/dev/demo", "main")
    assert transcript.model == "claude-sonnet-4-5-20250929"
    assert (transcript.version or "").startswith("2.")
    assert len(transcript.session_id) == 36
    assert transcript.skipped == []


def test_a_sub_agents_messages_follow_the_call(sample: Sample) -> None:
    """Inside the file or in one of its own: its messages stand between call and result and name the call."""
    (task,) = sample("subagent").tasks
    call = blocks(task.messages[1])[0]["id"]
    assert [message.parent_tool_use_id for message in task.messages] == [None, None, *[call] * 4, None, None]
    assert task.messages[2].content == "Count the files in this repository."
    assert blocks(task.messages[6])[0]["tool_use_id"] == call
    assert task.usage == Usage(4000, 400)


def test_a_compaction_keeps_what_came_before(sample: Sample) -> None:
    """Both sides of a compaction are there; boundary and summary are notes; `/compact` is no prompt."""
    transcript = sample("compacted")
    assert [task.prompt for task in transcript.tasks] == ["Explain hello.py", "Explain it again"]
    notes = transcript.tasks[0].messages[2:]
    assert notes[0].role == "system"
    assert "ompacted" in notes[0].content
    assert all(note.is_meta for note in notes[1:])
    assert any("continued from a previous conversation" in note.content for note in notes[1:])


def test_an_interrupt_is_a_note_and_begins_no_task(sample: Sample) -> None:
    """The notice is kept with the task that was interrupted, marked as said by the machinery."""
    first, second = sample("interrupted").tasks
    assert [first.prompt, second.prompt] == ["Wait for it", "Explain hello.py after all"]
    assert first.messages[-1].is_meta


def test_an_api_error_is_marked(sample: Sample) -> None:
    """The error that ended a task is a message with `is_error` and no model."""
    (task,) = sample("api-error").tasks
    assert task.messages[-1].is_error
    assert task.messages[-1].model is None
    assert "529" in blocks(task.messages[-1])[0]["text"]


def test_a_denied_tool_keeps_the_reason(sample: Sample) -> None:
    """The person's no is the tool's result."""
    (task,) = sample("denied").tasks
    assert blocks(task.messages[2])[0]["content"] == "The user said no."
    assert blocks(task.messages[2])[0]["is_error"]


def test_resumed_and_forked_conversations_are_whole(sample: Sample) -> None:
    """A resumed file has all its prompts, a fork those of its parent too; ids are unique in a file."""
    assert [task.prompt for task in sample("resumed").tasks] == ["Explain hello.py", "Explain it once more"]
    forked = sample("forked")
    assert [task.prompt for task in forked.tasks][-1] == "Explain what you did"
    assert len(forked.tasks) == 3
    ids = [message.original_id for message in forked.messages]
    assert len(set(ids)) == len(ids)


def test_bookkeeping_is_kept_apart_as_it_is() -> None:
    """Records that are not conversation stay whole in `other`, unknown ones too."""
    transcript = read_transcript(SAMPLES / "claude-2.1" / "tools.jsonl")
    found = {record["type"] for record in transcript.other}
    assert {"attachment", "queue-operation", "cost-state", "api-request"} <= found


# --- made by hand -----------------------------------------------------------------------------------------------------


class Writer:
    """Writes a transcript record by record, each answering the one before."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: list[str] = []
        self.last: str | None = None

    def add(self, type: str, content: Any, parent: str | None = "last", **more: Any) -> str:
        uuid = f"u{len(self.lines)}"
        message = {"role": type, "content": content, **more.pop("message", {})}
        record = {
            "type": type,
            "uuid": uuid,
            "parentUuid": self.last if parent == "last" else parent,
            "sessionId": "s",
            "timestamp": f"2026-11-22T10:00:{len(self.lines) % 60:02d}.000Z",
            "message": message,
            **more,
        }
        self.lines.append(json.dumps(record))
        self.last = uuid
        return uuid

    def read(self) -> Transcript:
        self.path.write_text("\n".join(self.lines) + "\n")
        return read_transcript(self.path)


@pytest.fixture
def writer(tmp_path: Path) -> Writer:
    return Writer(tmp_path / "s.jsonl")


def test_a_bad_line_costs_only_itself(writer: Writer) -> None:
    """Damaged lines are reported with number and reason; everything around them is read."""
    writer.add("user", "one")
    writer.lines += ["{broken", "[1, 2]", '{"type": "user", "uuid": "x"}', ""]
    writer.add("assistant", [{"type": "text", "text": "two"}])
    writer.lines.append('{"type": "assistant", "uuid": "cut of')
    transcript = writer.read()

    assert [number for number, _ in transcript.skipped] == [2, 3, 4, 7]
    assert "not JSON" in transcript.skipped[0][1]
    assert transcript.skipped[2][1] == "a record of type user without a message"
    assert len(transcript.tasks[0].messages) == 2


def test_the_newest_branch_is_the_conversation(writer: Writer) -> None:
    """After going back and asking something else, what was said on the old branch is not told."""
    first = writer.add("user", "one")
    writer.add("assistant", [{"type": "text", "text": "old"}])
    writer.add("user", "forgotten")
    writer.add("assistant", [{"type": "text", "text": "new"}], parent=first)
    transcript = writer.read()
    assert [task.prompt for task in transcript.tasks] == ["one"]
    assert blocks(transcript.tasks[0].messages[-1])[0]["text"] == "new"


def test_a_pointer_off_the_newest_branch_is_a_rewind(writer: Writer) -> None:
    """`last-prompt` at the end of the file may name an earlier branch as the one to go on from."""
    first = writer.add("user", "one")
    kept = writer.add("assistant", [{"type": "text", "text": "kept"}])
    writer.add("assistant", [{"type": "text", "text": "dropped"}], parent=first)
    writer.lines.append(json.dumps({"type": "last-prompt", "leafUuid": kept}))
    assert blocks(writer.read().tasks[0].messages[-1])[0]["text"] == "kept"


def test_the_title_is_of_this_conversation(writer: Writer) -> None:
    """A summary counts if its leaf is in the file; a title given by a person beats all."""
    leaf = writer.add("user", "one")
    writer.lines.append(json.dumps({"type": "summary", "summary": "Another's", "leafUuid": "elsewhere"}))
    assert writer.read().title is None
    writer.lines.append(json.dumps({"type": "summary", "summary": "Ours", "leafUuid": leaf}))
    assert writer.read().title == "Ours"
    writer.lines.append(json.dumps({"type": "custom-title", "customTitle": "Mine"}))
    writer.lines.append(json.dumps({"type": "ai-title", "aiTitle": "Model's"}))
    assert writer.read().title == "Mine"


def test_a_summary_in_a_later_file_is_the_title() -> None:
    """2.0 wrote the summary of a conversation at the head of the file of a later one."""
    assert read_transcript(SAMPLES / "claude-2.0" / "tools.jsonl").title is None
    assert read_transcript(SAMPLES / "claude-2.0" / "interrupted.jsonl").title == "ok"


def test_a_slash_command_is_a_prompt_if_the_model_worked(writer: Writer) -> None:
    """`/review 12` that was answered begins a task under that name; `/model` answered by the CLI does not."""
    writer.add("user", "<command-name>/model</command-name>\n<command-args>opus</command-args>")
    writer.add("user", "<local-command-stdout>Set</local-command-stdout>")
    writer.add("user", "<command-name>/review</command-name>\n<command-args>12</command-args>")
    writer.add("user", "Please review…", isMeta=True)
    writer.add("assistant", [{"type": "text", "text": "Fine."}])
    transcript = writer.read()
    assert [task.prompt for task in transcript.tasks] == ["/review 12"]
    assert all(message.is_meta for message in transcript.preamble)


def test_what_was_typed_meanwhile_is_kept(writer: Writer) -> None:
    """A prompt queued while the agent worked is a user message of that task; a background notice is a note."""
    writer.add("user", "one")
    for prompt in ("and two", "<task-notification>done</task-notification>"):
        writer.add("attachment", "", attachment={"type": "queued_command", "prompt": prompt})
    writer.add("assistant", [{"type": "text", "text": "Both."}])
    (task,) = writer.read().tasks
    assert [message.content for message in task.messages[1:3]] == [
        "and two",
        "<task-notification>done</task-notification>",
    ]
    assert [message.is_meta for message in task.messages[1:3]] == [False, True]


def test_an_answer_stands_before_the_results_of_its_tools(writer: Writer) -> None:
    """A tool that was done before the answer was complete does not tear it apart."""
    writer.add("user", "one")
    for id in ("t1", "t2"):
        writer.add("assistant", [{"type": "tool_use", "id": id, "name": "Bash", "input": {}}], message={"id": "m"})
        writer.add("user", [{"type": "tool_result", "tool_use_id": id, "content": "ok"}])
    (task,) = writer.read().tasks
    assert kinds(task.messages) == ["user", ["tool_use", "tool_use"], ["tool_result"], ["tool_result"]]


def test_unknown_records_are_kept_as_they_are(writer: Writer) -> None:
    """A record of a kind that nobody knows yet is told in its place: what it says, or the record itself."""
    writer.add("user", "one")
    writer.add("oracle", "a new kind of note")
    writer.lines.append(json.dumps({"type": "future", "count": 3}))
    writer.lines.append(json.dumps({"type": "file-history-snapshot", "messageId": "u0", "snapshot": {}}))
    writer.add("assistant", [{"type": "text", "text": "two"}])
    (task,) = writer.read().tasks
    assert [(message.type, message.content) for message in task.messages[1:4]] == [
        ("system", "a new kind of note"),
        ("system", "(future)"),
        ("file-history-snapshot", "(file-history-snapshot)"),
    ]
    assert task.messages[2].record == {"type": "future", "count": 3}
    assert [message.is_meta for message in task.messages] == [False, False, True, True, False]
    again = writer.read().tasks[0]
    assert [message.original_id for message in again.messages] == [message.original_id for message in task.messages]


def test_a_loop_of_parents_ends(writer: Writer) -> None:
    """Records that name each other as parent are read once, not for ever."""
    writer.add("user", "one", parent="u1")
    writer.add("assistant", [{"type": "text", "text": "two"}])
    assert len(writer.read().messages) == 2


def test_half_a_character_is_read(writer: Writer) -> None:
    """A text that the CLI cut inside a surrogate pair is no damaged line."""
    writer.add("user", "one")
    writer.lines.append(writer.lines[0].replace('"one"', r'"\ud83d"').replace('"u0"', '"u9"'))
    assert writer.read().skipped == []


FUZZED = ("tools.jsonl", "compacted.jsonl", "subagent.jsonl", "interrupted.jsonl")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every place in a JSON value, as (container, key)."""
    pairs = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    return [(value, key) for key, _ in pairs] + [place for _, inner in pairs for place in places(inner)]


@given(data=st.data())
def test_whatever_a_record_holds_the_rest_is_read(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """No value in any place of any record makes reading fail: a transcript is the CLI's business, not ours."""
    sample = SAMPLES / data.draw(st.sampled_from(GENERATIONS)) / data.draw(st.sampled_from(FUZZED))
    records = [json.loads(line) for line in sample.read_text().splitlines() if len(line) < 2_000]
    for _ in range(data.draw(st.integers(1, 3))):
        container, key = data.draw(st.sampled_from(places(records)))
        container[key] = data.draw(JSON)
        if len(records) > 2 and data.draw(st.booleans()):
            records.pop(data.draw(st.integers(0, len(records) - 1)))
    path = tmp_path_factory.mktemp("fuzzed") / "talk.jsonl"
    path.write_text("\n".join(json.dumps(record) for record in records))
    transcript = read_transcript(path)
    assert all(isinstance(message.original_id, str) for message in transcript.messages)
    assert all(message.timestamp >= 0 for message in transcript.messages)


# --- finding ----------------------------------------------------------------------------------------------------------


def test_transcripts_are_found_by_id(tmp_path: Path) -> None:
    """Under CLAUDE_CONFIG_DIR or the home's .claude, in whatever project; an id nobody has is NotFound."""
    id = "13bd397d-8c2d-4920-b6cb-671bb0fbd87a"
    for environ, root in (
        ({"CLAUDE_CONFIG_DIR": str(tmp_path / "c")}, tmp_path / "c"),
        ({"HOME": str(tmp_path / "h")}, tmp_path / "h" / ".claude"),
    ):
        folder = root / "projects" / project_slug("/home/dev/my_demo.v2")
        folder.mkdir(parents=True)
        (folder / f"{id}.jsonl").touch()
        assert find_transcript(id.upper(), environ) == folder / f"{id}.jsonl"
    for nonsense in ("13bd397d-8c2d-4920-b6cb-671bb0fbd87b", "*", "../../x"):
        with pytest.raises(NotFound):
            find_transcript(nonsense, {"HOME": str(tmp_path / "h")})


def test_the_project_folder_is_named_as_claude_names_it() -> None:
    """Every character that is no ASCII letter or digit becomes a hyphen."""
    assert project_slug("/home/dev/my_demo.v2 é") == "-home-dev-my-demo-v2--"


def test_all_transcripts_newest_first(tmp_path: Path) -> None:
    """Conversations only, no sub-agents' files; those untouched since a time are left out."""
    folder = tmp_path / "projects" / "-x"
    folder.mkdir(parents=True)
    old, new = (folder / f"13bd397d-8c2d-4920-b6cb-67000000000{n}.jsonl" for n in "12")
    for path, at in ((old, 1_000), (new, 2_000), (folder / "agent-abc.jsonl", 3_000)):
        path.touch()
        os.utime(path, (at, at))
    environ = {"CLAUDE_CONFIG_DIR": str(tmp_path)}
    assert [file.path for file in list_transcripts(environ)] == [new, old]
    assert [file.path for file in list_transcripts(environ, since_ms=1_500_000)] == [new]
