"""Git, for Agor: repositories, worktrees, their state, and never a lost byte. Nothing here blocks the event loop."""

from __future__ import annotations

from agor_core.git.branches import delete_branch
from agor_core.git.cloning import CloneProgress, clone, sweep_clones
from agor_core.git.diffs import diff
from agor_core.git.half_made import discard_half_made, settle_removals
from agor_core.git.history import Changes, Commit, changes_since
from agor_core.git.names import (
    check_ref,
    check_slug,
    check_url,
    check_worktree_name,
    contained,
    folder_name,
    is_local_url,
    scrub_url,
    slug_of,
)
from agor_core.git.removal import remove_worktree, verify_worktree
from agor_core.git.report import WorktreeReport, worktree_report
from agor_core.git.repository import RepositoryFacts, WorktreeEntry, inspect, root_of, worktrees
from agor_core.git.restoring import restore
from agor_core.git.snapshots import Snapshot, drop_snapshot, snapshot, snapshots
from agor_core.git.status import FileStatus, State, Status, state, status
from agor_core.git.worktrees import WorktreeFacts, add_worktree, lock_worktree, unlock_worktree

__all__ = [
    "Changes",
    "CloneProgress",
    "Commit",
    "FileStatus",
    "RepositoryFacts",
    "Snapshot",
    "State",
    "Status",
    "WorktreeEntry",
    "WorktreeFacts",
    "WorktreeReport",
    "add_worktree",
    "changes_since",
    "check_ref",
    "check_slug",
    "check_url",
    "check_worktree_name",
    "clone",
    "contained",
    "delete_branch",
    "diff",
    "discard_half_made",
    "drop_snapshot",
    "folder_name",
    "inspect",
    "is_local_url",
    "lock_worktree",
    "remove_worktree",
    "restore",
    "root_of",
    "scrub_url",
    "settle_removals",
    "slug_of",
    "snapshot",
    "snapshots",
    "state",
    "status",
    "sweep_clones",
    "unlock_worktree",
    "verify_worktree",
    "worktree_report",
    "worktrees",
]
