"""What the API documents say of each service, and of methods whose docstring is for who reads the code."""

from __future__ import annotations

from collections.abc import Mapping

ABOUT = """Boards, repos, worktrees, sessions, tasks, messages, permission requests and users, as Feathers services:
over REST as described here, and over Socket.IO with the same names, arguments and errors. Every stored change is
an event `<path> created`, `patched` or `removed`; what an agent is saying comes as `messages streaming:chunk`.
Wherever an id is taken, so is the beginning of one, as long as it is the only one that begins so.

A query beside a call that changes a record is a condition: `PATCH /tasks/{id}?status=created` is `NotFound`, and
changes nothing, unless the task is so at that moment. `$select` there is about the answer.

`$search` finds sessions and messages by their words, the best first, each with a `snippet`: all words, in any order;
`"several words"` in quotes follow each other; `word*` is a beginning. Lists of what belongs to sessions are narrowed by
these, too: `session.agent=codex`, `session.repo.repo_id=…`. Of very many hits the newest 3,000 are ranked, and older
ones follow, the newest first, so that a word that is everywhere costs no more; `total` still counts them all, unless
`$total=false`. What no index knows, such as `metadata`, is looked up in all that there is: narrow a search by it with
`session_id` or `timestamp`, too."""

SERVICES: Mapping[str, str] = {
    "agents": "Which agents there are, and what is missing before they can run. Read only.",
    "boards": "What a person looks at: sessions, zones and notes. Each session is on at most one board.",
    "config": "The settings of the daemon, by their keys. Secrets are shown masked; what decides what is executed, "
    "or who is trusted, can be read here but changed only on the daemon's own machine.",
    "events": "The change log, for programs that follow it without a socket: every stored change, in order.",
    "health": "Whether the daemon is well. Answers anybody.",
    "messages": "The entries of transcripts, in the order of their `index`, which the database gives.",
    "permissions": "What agents asked before they did it. The first answer counts, whoever gives it; it may stand for "
    "later questions, until it is revoked.",
    "repos": "Git repositories that sessions work on: registered where they are, or cloned.",
    "sessions": "Conversations with agents, in a tree of forks and children. A session does one task at a time; "
    "further prompts wait.",
    "tasks": "Prompts, and what the agent did about each.",
    "transcripts": "Conversations that Claude Code had on the daemon's machine, and that can be imported.",
    "users": "Accounts. Admins see all of everybody, members the names, viewers themselves only.",
    "worktrees": "Folders of their own for sessions, on branches of their own. The row of a removed one stays, so "
    "that it can be restored.",
}

ID = "Its id, or the beginning of it."
IDS: Mapping[str, str] = {"agents": "Its name.", "config": "Its key."}
SUBS: Mapping[str, str] = {
    "boards": "The session's id.",
    "repos": "The worktree's name.",
    "worktrees": "The snapshot's id.",
}
"""What the path holds beside the name of the service."""

_LATEST_FIRST = "A page of {}, the latest first unless `$sort` says otherwise."
_OLDEST_FIRST = "A page of {}, the oldest first unless `$sort` says otherwise."
_GET = "{}, by its id or the beginning of it."

METHODS: Mapping[str, Mapping[str, str]] = {
    "agents": {
        "find": "All agents. `problem` is null where a run could start; else `how_to` says what to do about it.",
        "get": "One agent, by its name.\n`NotFound` says which there are.",
    },
    "boards": {
        "find": _LATEST_FIRST.format("boards"),
        "get": "A board with the ids of its sessions, by its id, the beginning of it, or its slug.",
        "create": "Make a board.\nIts slug comes from its name unless it is given; one that is taken is `Conflict`.",
        "update": "The same as `PATCH`: what is left out is kept.",
        "add_session": "Put a session on the board, and take it from any other. The answer is the session.",
        "remove_session": "Take a session off the board. The answer is the session.\n"
        "`NotFound` if it is not on this board.",
    },
    "config": {
        "find": "Every setting: what it is, where that comes from, and what it is for.",
        "get": "One setting, by its key.\n`NotFound` names the nearest key there is.",
        "patch": "Write a setting to the file, and go by it; `waits_for_restart` says if that takes a restart.\n"
        "`Forbidden` for what can be changed only on the daemon's machine; `BadRequest` says what a value must be.",
    },
    "events": {"find": "A page of changes; with `seq[$gt]` and `$sort[seq]=1`, what came after one that is known."},
    "health": {
        "find": "How the daemon is. `status` is `ok` if the database answers.\n"
        "`recovered`, only where nobody has to sign in: what this start put right after the last daemon was killed."
    },
    "messages": {
        "find": _OLDEST_FIRST.format("messages")
        + "\nA whole transcript, with what a fork inherited: `$history=true` with "
        "`session_id`.",
        "get": _GET.format("A message"),
        "create": "Store a finished message, from an importer, at the end of its session's transcript.",
        "bulk": "Store many finished messages at once: a list, or `{records: […]}`.",
    },
    "permissions": {
        "find": _LATEST_FIRST.format("requests") + "\nWhat waits for an answer: `status=pending`.",
        "get": _GET.format("A request"),
        "revoke": "Let an answer stand for no more questions.\n`Conflict` if it does not stand for any.",
    },
    "repos": {
        "find": "A page of repositories.\nOne gone from the disk is `missing`, and `ready` once it is back.",
        "get": "A repository, also by its slug: with its branches, the latest first, and the ids of its worktrees.",
        "create": "Register a repository where it is.\n`BadRequest` for no repository, `Conflict` if it is known.",
        "add_worktree": "Make a worktree of this repository, as `POST /worktrees` does.",
        "remove_worktree": "Remove a worktree by its name, as `DELETE /worktrees/{id}` does.",
        "read_worktrees": "A page of the worktrees of this repository.",
    },
    "sessions": {
        "find": _LATEST_FIRST.format("sessions"),
        "get": _GET.format("A session with the ids of its tasks"),
        "create": "Make a session without a prompt yet: in a worktree, or in a folder of the daemon's machine.",
        "update": "The same as `PATCH`: what is left out is kept.",
        "patch": "Change what clients may change.\n`Conflict` if `version`, or the header `If-Match`, names an older "
        "record than there is by now.",
        "prompt": "Ask the agent something: the task, `running`, or `created` while others come first.\n"
        "`taskId` and `success` are what older clients look for.",
        "queue": "Change the order of what waits, or let a paused queue go on. The answer is the queue.",
        "read_queue": "What waits, in order; and why nothing of it starts, where it is paused.",
        "genealogy": "A session with all it comes from, the nearest first, and all that came from it.",
        "streams": "What is being said at this moment, as far as it was said: for who begins to listen in the middle.\n"
        "`chunks` is the `index` of the piece that comes next.",
    },
    "tasks": {
        "find": _OLDEST_FIRST.format("tasks"),
        "get": _GET.format("A task"),
        "create": "Store a finished task, from an importer. It starts nothing.",
        "bulk": "Store many finished tasks at once: a list, or `{records: […]}`.",
        "update": "The same as `PATCH`.",
        "complete": "Say that a task which no agent of this daemon runs has ended well.",
        "fail": "Say that a task which no agent of this daemon runs has ended badly.",
        "diff": "What exactly this task changed, file by file; while it runs, so far.\n`NotFound` without git.",
    },
    "transcripts": {"find": "All conversations on disk, the newest first."},
    "users": {
        "find": _LATEST_FIRST.format("accounts") + "\nOf others, members get the names only, and viewers nothing.",
        "get": _GET.format("An account"),
        "create": "Make an account. Admins make members and viewers; the owner makes admins too.",
    },
    "worktrees": {
        "find": "A page of worktrees as git says it now: also what was made, moved or removed with plain git.",
        "get": "A worktree as git says it now, with the ids of its sessions.",
        "create": "Make a worktree, on a new branch or one there is. What fails leaves nothing behind.",
        "remove": "Remove a worktree's folder; its branch and its row stay.\nOne with work that is nowhere else is "
        "`Conflict`, with a report; `force` with the `token` of that report puts the work into a snapshot first.",
        "status": "What is changed, staged and untracked, and how the branch stands to its upstream.",
        "diff": "What is changed since the commit the worktree began at, file by file.",
    },
}
