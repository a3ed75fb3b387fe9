"""What the API documents say of the daemon's services, beside what is read from the code itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agor_core.models import ENTITIES, samples
from agor_core.models.schema import part_schema, schema_for
from agor_core.models.wire import COMPUTED, FROM_GIT
from agor_daemon.documents import about, answers, events, parameters, requests
from agor_daemon.documents.about import ABOUT
from agor_daemon.hooks.short_ids import ANSWERED

__all__ = ["ABOUT", "schemas_of", "stored_schemas_of"]

_IDS = {
    "agents": "claude-code",
    "config": "daemon.max_runs",
    "sessions": samples.SESSION,
    "tasks": samples.TASK,
    "messages": samples.MESSAGE,
    "permissions": samples.REQUEST,
    "boards": samples.BOARD,
    "repos": samples.REPO,
    "worktrees": samples.WORKTREE,
    "users": samples.USER,
}
_SUBS = {"boards": samples.SESSION, "repos": "flaky-test", "worktrees": samples.SNAPSHOT}


def schemas_of(path: str) -> dict[str, Any]:
    """What is said of a service, see `agor_core.feathers.describe`."""
    found: dict[str, Any] = {"pages": False, "multi": ()} if path in about.SERVICES else {}
    tables = {
        "about": about.METHODS,
        "example": requests.EXAMPLES,
        "result:example": answers.EXAMPLES,
        "parameters": parameters.PARAMETERS,
        "more_parameters": parameters.MORE,
        "errors": parameters.ERRORS,
    }
    for key, table in tables.items():
        found.update({f"{method}:{key}": said for method, said in table.get(path, {}).items()})
    found.update({f"{method}:result": schema for method, schema in answers.answers_of(path).items()})
    if path in about.SERVICES:
        found["about"] = about.SERVICES[path]
    if path in _IDS:
        found |= {"id:example": _IDS[path], "id:about": about.IDS.get(path, about.ID)}
    if path in _SUBS:
        found |= {"sub:example": _SUBS[path], "sub:about": about.SUBS[path]}
    return {**found, **requests.SCHEMAS.get(path, {})}


def stored_schemas_of(path: str, patchable: Sequence[str]) -> dict[str, Any]:
    """The same for a service of stored entities, whose shapes are derived from those.

    `patchable`: the fields a client may change.
    """
    entity = ENTITIES[path]
    classes = {method: schema_for(taken) for method, taken in requests.CLASSES.get(path, {}).items()}
    if patchable:
        # A session's version is no field to change, but says which record was meant.
        changes = part_schema(entity, (*patchable, *(("version",) if path == "sessions" else ())))
        classes = {"patch": changes, "update": changes, **classes}
    computed = {COMPUTED[path]: answers.IDS} if path in COMPUTED else {}
    from_git = {name: {"type": "array", "items": schema_for(item)} for name, item in FROM_GIT.get(path, {}).items()}
    family = {"genealogy": answers.GENEALOGY} if path == "sessions" else {}
    short_id = {"short_id": answers.short_id(_IDS[path])}
    return {
        **{f"{method}:errors": statuses for method, statuses in parameters.STORED_ERRORS.items()},
        **schemas_of(path),
        **classes,
        **_imported(path),
        "pages": True,
        "record": schema_for(entity),
        **{f"record:{method}": short_id for method in ("find", *ANSWERED[path])},
        "record:get": {**short_id, **computed, **from_git, **family},
        **{f"event:{name}": payload for name, payload in events.EVENTS.get(path, {}).items()},
        **{f"event:{name}:about": said for name, said in events.ABOUT.get(path, {}).items()},
    }


def _imported(path: str) -> dict[str, Any]:
    """What importers send."""
    if path not in requests.IMPORTED:
        return {}
    names, required = requests.IMPORTED[path]
    one = part_schema(ENTITIES[path], names, required)
    return {"create": one, "bulk": requests.several(one)}
