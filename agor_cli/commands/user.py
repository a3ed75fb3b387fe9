"""`agor user`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from agor_cli.connection import administer, connected
from agor_cli.groups import Group
from agor_cli.output import next_steps, paged, say, show, table
from agor_cli.words import ago, short_id
from agor_core.errors import BadRequest

if TYPE_CHECKING:
    from rich.console import RenderableType

    from agor_core.client import Record

ROLES = ("admin", "member", "viewer")


@click.group(cls=Group)
def user() -> None:
    """Make accounts on this machine, and list them."""


@user.command(
    "create",
    examples=["user create --email me@example.com", "user create --email you@example.com --role viewer < password.txt"],
)
@click.option("--email", required=True, help="The address they sign in with.")
@click.option("--name", help="What to call them.")
@click.option(
    "--role", type=click.Choice(ROLES), help="What they may do. The first account is the owner. Default: member."
)
def create(email: str, name: str | None, role: str | None) -> None:
    """Make an account on this machine. The password is asked, or read from standard input."""
    options = [f"--{option}={value}" for option, value in (("email", email), ("name", name), ("role", role)) if value]
    made = administer("user-create", *options, given=f"{password(confirm=True)}\n")["user"]
    show(made, lambda: f"Made {made['email']}, {made['role']}")
    if made["role"] == "owner":
        say("The first account: to make everybody sign in, set daemon.require_auth and restart the daemon.", "dim")
        next_steps(
            ("agor config set daemon.require_auth true", ""), ("agor daemon restart", ""), ("agor login", "sign in")
        )


@user.command("list", examples=["user list", "user list --json"])
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000), help="How many.")
def list_users(limit: int) -> None:
    """List accounts. Needs to be signed in."""
    with connected() as client:
        page = client.service("users").find({"$limit": limit})
    show(page, lambda: _table(page))


def password(*, confirm: bool = False) -> str:
    """The password: asked without showing it, or the first line of standard input."""
    if sys.stdin.isatty():
        given = click.prompt("Password", hide_input=True, confirmation_prompt=confirm, err=True)
    else:
        given = sys.stdin.readline().rstrip("\n")
    if not given:
        raise BadRequest("the password is empty; type it, or give it as the first line of standard input")
    return str(given)


def _table(page: Record) -> RenderableType:
    rows = (
        (
            short_id(one, "user_id"),
            one.get("email") or "",
            one.get("name") or "",
            one.get("role") or "",
            ago(one.get("created_at")),
        )
        for one in page["data"]
    )
    return table(("id", "email", "name", "role", "made"), rows, empty="No accounts.", footer=paged(page))
