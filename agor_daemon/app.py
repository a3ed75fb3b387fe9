"""The application: every service with its methods and events, the order of hooks, and who hears."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agor_core.agents import Agent, registered
from agor_core.config import Settings
from agor_core.db import Database
from agor_core.feathers import STANDARD, CollectionMethod, Feathers, RecordMethod
from agor_daemon.authentication import build_authentication
from agor_daemon.channels import set_up_channels
from agor_daemon.hooks.access import addressed, signed_in
from agor_daemon.hooks.short_ids import with_short_ids
from agor_daemon.imports import Importer
from agor_daemon.runs import AgentRuns
from agor_daemon.runs.assignment import Assignments
from agor_daemon.services.agents import AgentsService
from agor_daemon.services.boards import BoardsService
from agor_daemon.services.cloning import Cloning
from agor_daemon.services.config import ConfigService
from agor_daemon.services.documents import schemas_of
from agor_daemon.services.events import EventsService
from agor_daemon.services.health import HealthService
from agor_daemon.services.messages import MessagesService
from agor_daemon.services.permissions import PermissionsService
from agor_daemon.services.repos import ReposService
from agor_daemon.services.sessions import SessionsService
from agor_daemon.services.tasks import TasksService
from agor_daemon.services.users import UsersService
from agor_daemon.services.worktrees import WorktreesService
from agor_daemon.supervisor import Supervisor

READ = ("find", "get")
ALL_BUT_UPDATE = tuple(name for name in STANDARD if name != "update")

STREAMING = ("streaming:start", "streaming:chunk", "streaming:end", "streaming:error", "thinking:chunk")
TOOLS = ("tool:start", "tool:complete")


@dataclass(frozen=True)
class Daemon:
    """What the lifespan looks after once the application is put together."""

    app: Feathers
    runs: AgentRuns
    worktrees: WorktreesService
    cloning: Cloning


def build_app(settings: Settings, database: Database, supervisor: Supervisor) -> Daemon:
    """Join everything; nothing runs yet."""
    app = Feathers()
    agents: Mapping[str, Agent] = registered(
        {name: found.command for name, found in settings.agents.items() if found.command is not None}
    )

    def emit(path: str, event: str, payload: dict[str, Any]) -> None:
        app.service(path).emit(event, payload, volatile=True)

    assignments = Assignments(database, settings, agents)
    runs = AgentRuns(database, supervisor, assignments, emit, settings.daemon.max_runs)
    worktrees = WorktreesService(database, settings.home / "worktrees")
    cloning = Cloning(database, supervisor, settings.home / "repos", emit, worktrees)
    sessions = SessionsService(database, runs, agents, worktrees, Importer(database))

    def stored(path: str, service: Any, id_field: str, methods: Any, events: Any = ()) -> None:
        handle = app.use(
            path,
            service,
            methods=methods,
            events=events,
            events_from=database.change_log,
            id_field=id_field,
            schemas=schemas_of(path),
        )
        shown = [name for name in ("find", "get", "create") if name in methods]
        handle.hooks(after=dict.fromkeys(shown, with_short_ids(database, id_field)))

    stored("sessions", sessions, "session_id", [*STANDARD, *SESSION_METHODS])
    stored("tasks", TasksService(database, runs), "task_id", [*STANDARD, *TASK_METHODS], TOOLS)
    stored("messages", MessagesService(database, runs), "message_id", [*ALL_BUT_UPDATE, *MESSAGE_METHODS], STREAMING)
    stored("permissions", PermissionsService(database, runs), "request_id", [*READ, *PERMISSION_METHODS])
    stored("boards", BoardsService(database), "board_id", [*STANDARD, *BOARD_METHODS])
    repos = ReposService(database, settings.home, worktrees, cloning)
    stored("repos", repos, "repo_id", [*ALL_BUT_UPDATE, *REPO_METHODS], ("clone:progress",))
    stored("worktrees", worktrees, "worktree_id", [*ALL_BUT_UPDATE, *WORKTREE_METHODS])
    stored("users", UsersService(database, app.revalidate), "user_id", [*ALL_BUT_UPDATE, *USER_METHODS])
    app.use("agents", AgentsService(agents, assignments.environment), methods=READ, service_events=())
    app.use("events", EventsService(database), methods=["find"], service_events=())
    app.use("config", ConfigService(settings), methods=["find", "get", "patch"], service_events=())
    app.use("health", HealthService(settings, database), methods=["find"], service_events=())
    authentication = build_authentication(app, settings, database)
    app.use("authentication", authentication, methods=["create", "remove"], service_events=())

    # Outermost first: who calls; then which record is meant and whether they may; then the service's own rule.
    app.hooks(around=[signed_in], before=[addressed(database)])
    set_up_channels(app, runs.facts)
    return Daemon(app, runs, worktrees, cloning)


SESSION_METHODS = (
    RecordMethod("fork", write="fork", creates=True),
    RecordMethod("spawn", write="spawn", creates=True),
    RecordMethod("prompt", write="prompt", creates=True),
    RecordMethod("stop", write="stop"),
    RecordMethod("queue", read="read_queue", write="queue"),
    RecordMethod("genealogy", read="genealogy"),
    CollectionMethod("import", "import_transcript", creates=True),
)
TASK_METHODS = (
    RecordMethod("complete", write="complete"),
    RecordMethod("fail", write="fail"),
    RecordMethod("diff", read="diff"),
    CollectionMethod("bulk", creates=True),
)
MESSAGE_METHODS = (RecordMethod("partial", read="partial"), CollectionMethod("bulk", creates=True))
PERMISSION_METHODS = (RecordMethod("decide", write="decide"),)
BOARD_METHODS = (RecordMethod("sessions", read="read_sessions", write="add_session", remove="remove_session"),)
REPO_METHODS = (
    CollectionMethod("clone", creates=True),
    RecordMethod("worktrees", read="read_worktrees", write="add_worktree", remove="remove_worktree", creates=True),
)
WORKTREE_METHODS = (
    RecordMethod("status", read="status"),
    RecordMethod("diff", read="diff"),
    RecordMethod("snapshots", read="snapshots"),
    RecordMethod("snapshot", write="snapshot", creates=True),
    RecordMethod("restore", write="restore"),
)
USER_METHODS = (RecordMethod("revoke", write="revoke"),)
