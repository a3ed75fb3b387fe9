"""`agor db`."""

from __future__ import annotations

import click

from agor_cli.connection import administer
from agor_cli.groups import Group
from agor_cli.output import facts, say, show


@click.group(cls=Group)
def db() -> None:
    """Look after the database."""


@db.command("status", examples=["db status", "db status --json"])
def status() -> None:
    """Show which revision the database is at, and which one this version needs."""
    found = administer("db-status")
    show(found, lambda: facts(found))


@db.command("upgrade", examples=["db upgrade"])
def upgrade() -> None:
    """Bring the database to the revision that this version needs. An embedded one is backed up before."""
    found = administer("db-upgrade", on_progress=lambda text: say(f"{text}…", "dim"))
    show(found, lambda: facts(found))
