"""The application: every service, the order of hooks, and who hears."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agor_core.agents import Agent, registered
from agor_core.config import Settings
from agor_core.db import Database
from agor_core.feathers import Feathers
from agor_daemon.authentication import build_authentication
from agor_daemon.channels import have_all_come_back, set_up_channels
from agor_daemon.documents import schemas_of, stored_schemas_of
from agor_daemon.hooks.access import addressed, signed_in
from agor_daemon.hooks.origins import origins_withheld
from agor_daemon.hooks.queries import CHANGES, check_selected, with_selected
from agor_daemon.hooks.short_ids import ANSWERED, with_short_id
from agor_daemon.imports import Importer
from agor_daemon.live_settings import LiveSettings
from agor_daemon.recovery import end_orphans
from agor_daemon.runs import AgentRuns
from agor_daemon.runs.assignment import Assignments
from agor_daemon.runs.git_state import lock_owner
from agor_daemon.services import OTHERS, STORED
from agor_daemon.services.agents import AgentsService
from agor_daemon.services.boards import BoardsService
from agor_daemon.services.cloning import Cloning
from agor_daemon.services.config import ConfigService
from agor_daemon.services.events import EventsService
from agor_daemon.services.health import HealthService
from agor_daemon.services.messages import MessagesService
from agor_daemon.services.permissions import PermissionsService
from agor_daemon.services.repos import ReposService
from agor_daemon.services.sessions import SessionsService
from agor_daemon.services.tasks import TasksService
from agor_daemon.services.transcripts import TranscriptsService
from agor_daemon.services.users import UsersService
from agor_daemon.services.worktrees import WorktreesService
from agor_daemon.supervisor import Supervisor
from agor_daemon.volatile import Volatile


@dataclass(frozen=True)
class Daemon:
    """What the lifespan looks after once the application is put together."""

    app: Feathers
    runs: AgentRuns
    worktrees: WorktreesService
    cloning: Cloning
    health: HealthService


def build_app(live: LiveSettings, database: Database, supervisor: Supervisor) -> Daemon:
    """Join everything; nothing runs yet."""
    app = Feathers()
    settings = live.current
    agents = _agents(settings)

    volatile = Volatile(app, database)

    def settings_changed(settings: Settings) -> None:
        found = _agents(settings)
        for gone in agents.keys() - found.keys():
            del agents[gone]
        agents.update(found)
        runs.allow(settings.daemon.max_runs)

    live.listen(settings_changed)
    assignments = Assignments(database, live, agents)
    worktrees = WorktreesService(
        database, supervisor, settings.home / "worktrees", lock_owner(settings.home), settings.limits.git_s
    )
    runs = AgentRuns(
        database,
        supervisor,
        assignments,
        volatile,
        settings.daemon.max_runs,
        worktrees.look_after_run,
        lambda: end_orphans(database),
    )
    cloning = Cloning(database, supervisor, settings.home / "repos", volatile.emit, worktrees)
    importer = Importer(database, assignments.environment)
    stored: Mapping[str, Any] = {
        "sessions": SessionsService(database, runs, agents, worktrees, importer),
        "tasks": TasksService(database, runs),
        "messages": MessagesService(database, runs),
        "permissions": PermissionsService(database, runs),
        "boards": BoardsService(database),
        "repos": ReposService(database, settings.home, worktrees, cloning),
        "worktrees": worktrees,
        "users": UsersService(database, app.revalidate),
    }
    health = HealthService(settings, database)
    others: Mapping[str, Any] = {
        "agents": AgentsService(agents, assignments.environment),
        "transcripts": TranscriptsService(importer),
        "events": EventsService(database),
        "config": ConfigService(live),
        "health": health,
        "authentication": build_authentication(app, settings, database),
    }
    for path, service in stored.items():
        _register(app, path, service, database)
    for path, service in others.items():
        app.use(path, service, methods=OTHERS[path].methods, service_events=(), schemas=schemas_of(path))

    # Outermost first: who calls; then which record is meant and whether they may; then the service's own rule.
    app.hooks(around=[signed_in], before=[addressed(database)])
    set_up_channels(app, volatile.facts)
    database.change_log.on_break(lambda: have_all_come_back(app))
    return Daemon(app, runs, worktrees, cloning, health)


def _agents(settings: Settings) -> dict[str, Agent]:
    """The agents there are, with the commands that are set for them."""
    return registered({name: found.command for name, found in settings.agents.items() if found.command is not None})


def _register(app: Feathers, path: str, service: Any, database: Database) -> None:
    """A service of stored entities: the log announces its changes, and what is answered has its short id."""
    offer = STORED[path]
    id_field = offer.id_field
    handle = app.use(
        path,
        service,
        methods=offer.methods,
        events=offer.events,
        events_from=database.change_log,
        id_field=id_field,
        # Of the four, a stored entity is never replaced as a whole.
        service_events=("created", "patched", "removed"),
        schemas=stored_schemas_of(path, service.patchable),
    )
    handle.hooks(after={name: with_short_id(database, of, STORED[of].id_field) for name, of in ANSWERED[path].items()})
    handle.hooks(
        before={"create": check_selected} if "create" in offer.methods else {},
        after={name: with_selected(id_field) for name in ("create", *CHANGES) if name in offer.methods},
    )
    if path in ("sessions", "boards"):
        handle.hooks(around={"all": [origins_withheld(database)]})
