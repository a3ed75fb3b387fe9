"""Runs migrations on the engine it is given; `agor_core.db.migrate` is who gives it."""

from alembic import context
from sqlmodel import SQLModel

import agor_core.models  # noqa: F401  # registers every table
from agor_core.models.columns import Json, Text

engine = context.config.attributes["engine"]


def is_ours(item, name, type_, reflected, compare_to):
    """Leave out what migrations make by hand: full-text tables, and indexes of one backend only."""
    if type_ == "table":
        return not name.startswith("search_")
    return not (type_ == "index" and reflected and compare_to is None and name.startswith("only_"))


def shared_type(kind, item, autogenerate):
    """Name our own column types; what would be written for their variants does not run."""
    if kind != "type" or not isinstance(item, Text | Json):
        return False
    name = "Text" if isinstance(item, Text) else "Json"
    autogenerate.imports.add("from agor_core.models.columns import Json, Text")
    return f"{name}()"


with engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        render_as_batch=True,
        compare_type=True,
        transactional_ddl=True,
        include_object=is_ours,
        render_item=shared_type,
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
