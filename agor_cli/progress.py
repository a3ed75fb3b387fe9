"""Bars for what takes its time, at a terminal; nothing elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from agor_cli.groups import wants_json
from agor_cli.output import console, one_line

if TYPE_CHECKING:
    from agor_core.client import Record


@contextmanager
def steps_progress() -> Iterator[Callable[[Record], None]]:
    """A function to be called with each `{text, done?, total?}` of something that is done in many small steps."""
    if wants_json() or not sys.stdout.isatty():
        yield lambda _: None
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console(), transient=True) as progress:
        bar = progress.add_task("Opening the database", total=None)

        def tell(step: Record) -> None:
            text = one_line(step.get("text") or "")
            progress.update(bar, description=text, total=step.get("total"), completed=step.get("done") or 0)

        yield tell


@contextmanager
def cloning_progress() -> Iterator[Callable[[Record], None]]:
    """A function to be called with each `clone:progress`; it moves a bar, which is gone again at the end."""
    if wants_json() or not sys.stdout.isatty():
        yield lambda _: None
        return
    from rich.filesize import decimal
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[more]}"))
    with Progress(*columns, console=console(), transient=True) as progress:
        bar = progress.add_task("Asking the server", total=None, more="")

        def tell(record: Record) -> None:
            received = decimal(int(record.get("received_bytes") or 0))
            progress.update(
                bar,
                description=one_line(record.get("stage") or "Cloning"),
                total=record.get("total"),
                completed=record.get("done") or 0,
                more=f"{record.get('done')}/{record.get('total')}, {received}",
            )

        yield tell
