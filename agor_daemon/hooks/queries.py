"""`$select` beside a call that makes or changes one record: what of it is answered, as with every adapter of Feathers.

The rest of such a query is a condition on the record, see `StoredService.matching`; what is made matches nothing yet.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from agor_core.db.page import read_page
from agor_core.db.query import computed_fields
from agor_core.feathers import HookContext
from agor_core.models import ENTITIES

CHANGES = ("update", "patch", "remove")

Hook = Callable[[HookContext], Awaitable[None]]


async def check_selected(context: HookContext) -> None:
    """Before create: BadRequest for a `$select` of what is no field, so that nothing is made that cannot be shown."""
    if context.params.provider is not None and "$select" in context.params.query:
        asked = {"$select": context.params.query["$select"]}
        read_page(ENTITIES[context.path], asked, 1, 1, computed_fields(context.path))


def with_selected(id_field: str) -> Hook:
    """After: only what `$select` names, and the id, is answered. Events carry the whole record all the same."""

    async def select(context: HookContext) -> None:
        selected = context.params.query.get("$select")
        if context.params.provider is None or selected is None:
            return
        names = {id_field, "short_id", *([selected] if isinstance(selected, str) else selected)}
        context.result = {name: value for name, value in context.result.items() if name in names}

    return select
