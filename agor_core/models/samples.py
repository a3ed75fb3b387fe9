"""What fields may hold, for examples in the API documents: by name, or by class and name where that differs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

SESSION: Final = "01890a5d-ac96-774b-bcce-b302099a8057"
OTHER_SESSION: Final = "01890a5d-ac96-774b-bcce-b302099a8058"
TASK: Final = "01890a60-1d3e-7c5a-9f0e-5b1d2c3a4f10"
MESSAGE: Final = "01890a60-1f02-7a31-8c44-0a9b8c7d6e5f"
REQUEST: Final = "01890a61-2b77-7d10-a2f3-6c5d4e3f2a1b"
BOARD: Final = "01890a50-0c11-7b22-9d33-1e2f3a4b5c6d"
REPO: Final = "01890a51-3d44-7e55-8f66-2a3b4c5d6e7f"
WORKTREE: Final = "01890a52-5e77-7f88-9a99-3b4c5d6e7f80"
USER: Final = "01890a4f-7a10-7000-8b20-4c5d6e7f8091"

_SHA = "9fceb02d0ae598e95dc970b74767f19372d61af8"
_LATER_SHA = "1f7a7a472abf3dd9643fd615f6da379c4acb3e3a"
_MOMENT = "2026-01-31T12:00:00.000Z"
_LATER = "2026-01-31T12:00:41.250Z"
_FOLDER = "/home/ann/.agor/worktrees/shop/flaky-test"
SNAPSHOT: Final = "01890a70-3c4d-7e5f-8a6b-7c8d9e0f1a2b"

SAMPLES: Final[Mapping[str, Any]] = {
    # ids
    "session_id": SESSION,
    "task_id": TASK,
    "message_id": MESSAGE,
    "request_id": REQUEST,
    "board_id": BOARD,
    "repo_id": REPO,
    "worktree_id": WORKTREE,
    "user_id": USER,
    "created_by": USER,
    "Origin.fork_point_task_id": None,
    # times and versions
    "created_at": _MOMENT,
    "last_updated": _LATER,
    "timestamp": _MOMENT,
    "started_at": _MOMENT,
    "completed_at": _LATER,
    "start_timestamp": _MOMENT,
    "end_timestamp": _LATER,
    "decided_at": None,
    "version": 3,
    "archived": False,
    # sessions
    "Session.agent": "claude-code",
    "SessionRequest.agent": "claude-code",
    "title": "Fix the flaky test",
    "agent_version": "2.1.332",
    "agent_session_id": "5f3e2d1c-0b9a-4f8e-8d7c-6b5a49382716",
    "concepts": ["tests"],
    "message_count": 8,
    "tool_use_count": 3,
    "allowed_tools": ["Read", "Bash(npm test *)"],
    "denied_tools": ["WebFetch"],
    "Task.allowed_tools": None,
    "Task.denied_tools": None,
    "ModelConfig.model": "claude-opus-4-5",
    "ModelConfig.thinking_tokens": 8000,
    "repo_slug": "shop",
    "worktree_name": "flaky-test",
    "cwd": _FOLDER,
    "managed_worktree": True,
    "GitState.ref": "flaky-test",
    "base_sha": _SHA,
    "current_sha": f"{_SHA}-dirty",
    "input_tokens": 5120,
    "output_tokens": 830,
    "cache_read_tokens": 41200,
    "cache_write_tokens": 2600,
    "cost_usd": 0.12,
    "used_tokens": 52_000,
    "limit_tokens": 200_000,
    "x": 240.0,
    "y": 96.0,
    # tasks
    "Task.status": "completed",
    "Task.description": "Why does the test fail now and then?",
    "full_prompt": "Why does the test fail now and then?",
    "Task.model": "claude-opus-4-5",
    "start_index": 4,
    "end_index": 7,
    "ref_at_start": "flaky-test",
    "sha_at_start": _SHA,
    "sha_at_end": _LATER_SHA,
    "start_snapshot_id": None,
    "end_snapshot_id": SNAPSHOT,
    "commits": [_LATER_SHA],
    "files_changed": 2,
    "insertions": 12,
    "deletions": 4,
    "duration_ms": 41_250,
    "Task.error": None,
    "Task.report": None,
    "Task.from_history": False,
    # messages
    "Message.type": "assistant",
    "Message.role": "assistant",
    "index": 5,
    "content_preview": "The test reads the clock twice.",
    "Message.content": [
        {"type": "text", "text": "The test reads the clock twice."},
        {"type": "tool_use", "id": "toolu_01", "name": "Read", "input": {"file_path": "tests/clock.test.ts"}},
    ],
    "Message.tool_uses": [{"id": "toolu_01", "name": "Read", "input": {"file_path": "tests/clock.test.ts"}}],
    "Message.metadata": {
        "model": "claude-opus-4-5",
        "tokens": {"input_tokens": 512, "output_tokens": 83},
        "original_id": "msg_01",
        "is_meta": None,
        "is_error": None,
        "record": None,
    },
    # permission requests
    "tool_name": "Bash",
    "tool_input": {"command": "npm test"},
    "tool_use_id": "toolu_02",
    "suggestions": [],
    "rules": ["Bash(npm test *)"],
    "updated_input": None,
    # boards
    "Board.name": "Release 2",
    "Board.slug": "release-2",
    "BoardRequest.name": "Release 2",
    "objects": {},
    # repos
    "Repo.name": "shop",
    "Repo.slug": "shop",
    "Repo.status": "ready",
    "remote_url": "https://example.com/shop.git",
    "local_path": "/home/ann/shop",
    "managed_by_agor": False,
    "default_branch": "main",
    "Branch.name": "main",
    "sha": _SHA,
    # worktrees
    "Worktree.name": "flaky-test",
    "Worktree.status": "ready",
    "Worktree.path": _FOLDER,
    "Worktree.managed_by_agor": True,
    "Worktree.ref": "flaky-test",
    "base_ref": "main",
    "new_branch": True,
    "last_commit_sha": _LATER_SHA,
    "ahead": 1,
    "behind": 0,
    "Worktree.notes": "only fails on Mondays",
    "Worktree.issue_url": "https://example.com/shop/issues/7",
    # users
    "email": "ann@example.com",
    "User.name": "Ann",
    "User.role": "member",
    "preferences": {"theme": "dark"},
}


def samples_of(owner: str, field: str) -> list[Any]:
    """The examples for a field of a class; none where a made-up one says enough."""
    for name in (f"{owner}.{field}", field):
        if name in SAMPLES:
            return [SAMPLES[name]]
    return []
