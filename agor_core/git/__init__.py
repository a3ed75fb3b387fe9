"""Git, for Agor: repositories, worktrees, their state, and never a lost byte. Nothing here blocks the event loop."""

from __future__ import annotations

from agor_core.git.branches import Branch, branches, delete_branch
from agor_core.git.cloning import CloneProgress, clone, delete_clone, has_own_work, sweep_clones
from agor_core.git.diffs import diff
from agor_core.git.half_made import discard_half_made, settle_removals
from agor_core.git.history import Changes, Commit, branched_off, changes_since
from agor_core.git.holding import Hold, hold_worktree, release_leftovers
from agor_core.git.listing import LinkedWorktree, index_mark, linked_worktrees, linked_worktrees_of
from agor_core.git.names import (
    check_ref,
    check_slug,
    check_url,
    check_worktree_name,
    contained,
    folder_name,
    is_local_url,
    name_for,
    scrub_url,
    slug_of,
)
from agor_core.git.program import end_leftovers
from agor_core.git.removal import remove_worktree, verify_worktree
from agor_core.git.report import WorktreeReport, worktree_report
from agor_core.git.repository import Checkout, RepositoryFacts, WorktreeEntry, checkout_of, inspect, root_of, worktrees
from agor_core.git.restoring import check_out_again, restore
from agor_core.git.snapshots import Snapshot, drop_snapshot, snapshot, snapshots
from agor_core.git.status import FileStatus, State, Status, standing, state, status
from agor_core.git.worktrees import WorktreeFacts, add_worktree, lock_worktree, sha_of, unlock_worktree

__all__ = [
    "Branch",
    "Changes",
    "Checkout",
    "CloneProgress",
    "Commit",
    "FileStatus",
    "Hold",
    "LinkedWorktree",
    "RepositoryFacts",
    "Snapshot",
    "State",
    "Status",
    "WorktreeEntry",
    "WorktreeFacts",
    "WorktreeReport",
    "add_worktree",
    "branched_off",
    "branches",
    "changes_since",
    "check_out_again",
    "check_ref",
    "check_slug",
    "check_url",
    "check_worktree_name",
    "checkout_of",
    "clone",
    "contained",
    "delete_branch",
    "delete_clone",
    "diff",
    "discard_half_made",
    "drop_snapshot",
    "end_leftovers",
    "folder_name",
    "has_own_work",
    "hold_worktree",
    "index_mark",
    "inspect",
    "is_local_url",
    "linked_worktrees",
    "linked_worktrees_of",
    "lock_worktree",
    "name_for",
    "release_leftovers",
    "remove_worktree",
    "restore",
    "root_of",
    "scrub_url",
    "settle_removals",
    "sha_of",
    "slug_of",
    "snapshot",
    "snapshots",
    "standing",
    "state",
    "status",
    "sweep_clones",
    "unlock_worktree",
    "verify_worktree",
    "worktree_report",
    "worktrees",
]
