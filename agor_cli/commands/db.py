"""`agor db`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from agor_cli.connection import administer
from agor_cli.groups import Group
from agor_cli.output import facts, show
from agor_cli.progress import steps_progress
from agor_core.ids import short


@click.group(cls=Group)
def db() -> None:
    """Look after the database."""


@db.command("status", examples=["db status", "db status --json"])
def status() -> None:
    """Show which revision the database is at, and which one this version needs."""
    found = administer("db-status")
    _done(found)


@db.command("upgrade", examples=["db upgrade"])
def upgrade() -> None:
    """Bring the database to the revision that this version needs. An embedded one is backed up before."""
    _done_in_steps("db-upgrade")


@db.command("downgrade", examples=["db downgrade 0001"])
@click.argument("revision")
def downgrade(revision: str) -> None:
    """Bring the database back to REVISION, for an earlier version of Agor. Stop the daemon before."""
    _done_in_steps("db-downgrade", revision)


@db.command("backup", examples=["db backup", "db backup ~/agor-before-the-move.db"])
@click.argument("file", type=click.Path(path_type=Path), required=False)
def backup(file: Path | None) -> None:
    """Write a copy of the database to FILE. The daemon may go on meanwhile."""
    to = file or Path(f"agor-{datetime.now():%Y%m%d-%H%M%S}.backup")
    _done_in_steps("db-backup", str(to.absolute()))


@db.command("restore", examples=["db restore agor-20261123-221500.backup"])
@click.argument("file", type=click.Path(path_type=Path))
def restore(file: Path) -> None:
    """Put the backup FILE in the place of the database, which is kept beside it. Stop the daemon before."""
    _done_in_steps("db-restore", str(file.absolute()))


@db.command("export", examples=["db export agor.jsonl"])
@click.argument("file", type=click.Path(path_type=Path))
def export(file: Path) -> None:
    """Write everything as JSON Lines to FILE, to keep or to take elsewhere."""
    _done_in_steps("db-export", str(file.absolute()))


@db.command("import", examples=["db import agor.jsonl"])
@click.argument("file", type=click.Path(path_type=Path))
def import_(file: Path) -> None:
    """Take in what an export in FILE holds. Doing it again adds nothing.

    What is here already is brought up to date where FILE has it in a later state. A session that went on in both places
    stays as it is here, and is named.

    People are known by their address. Where there is an owner already, new ones come as members at most.
    """
    with steps_progress() as tell:
        found = administer("db-import", str(file.absolute()), on_progress=tell)
    numbers = {
        "added": _in_words(found["added"]),
        "brought up to date": _in_words(found["updated"], none=""),
        "kept as here": _in_words(found["kept"], none=""),
        "went on in both": ", ".join(map(short, found["apart"])),
    }
    show(found, lambda: facts(numbers))


def _done_in_steps(*command: str) -> None:
    with steps_progress() as tell:
        found = administer(*command, on_progress=tell)
    _done(found)


def _done(found: dict[str, Any]) -> None:
    show(found, lambda: facts({name.replace("_", " "): _in_words(value) for name, value in found.items()}))


def _in_words(value: object, none: str = "nothing") -> object:
    """`value` as people read it: numbers by table as `3 sessions, 5 tasks`."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{number} {table}" for table, number in value.items() if number) or none
    return value
