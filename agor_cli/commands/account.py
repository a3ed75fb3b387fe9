"""`agor login`, `logout` and `whoami`."""

from __future__ import annotations

import sys
from contextlib import suppress

import click

from agor_cli.commands.user import password
from agor_cli.connection import connected
from agor_cli.groups import Command
from agor_cli.output import facts, show
from agor_core.errors import BadRequest, NotAuthenticated


@click.command(
    "login", cls=Command, examples=["login --email me@example.com", "login --email me@example.com < password.txt"]
)
@click.option("--email", help="The address of your account.")
def login(email: str | None) -> None:
    """Sign in to the daemon. The access token is kept in the home, for you alone."""
    from agor_core.client import Client, find_daemon, keep_token

    address = find_daemon()
    with Client(address.url) as client:
        client.service("health").find()  # no password is typed for a daemon that is not there
        who = email or _asked_email()
        data = {"strategy": "local", "email": who, "password": password()}
        try:
            signed_in = client.service("authentication").create(data)
        except NotAuthenticated as error:
            raise click.ClickException(f"{error.message}: wrong email or password") from error
    keep_token(address, signed_in["accessToken"])
    shown = signed_in["user"]
    show(shown, lambda: f"Signed in as {shown.get('email')} ({shown.get('role')})")


def _asked_email() -> str:
    try:
        return str(click.prompt("Email", err=True))
    except click.Abort:
        if sys.stdin.isatty():
            raise
        click.echo(err=True)  # the question has no end of line
        raise BadRequest("nobody is there to answer; `agor login --email ADDRESS < password.txt`") from None


@click.command("logout", cls=Command, examples=["logout"])
def logout() -> None:
    """Sign out: the access token becomes void, and is forgotten."""
    from agor_core.client import Client, find_daemon, forget_token, token_for

    address = find_daemon()
    token = token_for(address)
    if token is not None:
        with Client(address.url, token) as client, suppress(NotAuthenticated):  # void already
            client.request("DELETE", "/authentication")
        forget_token(address)
    show({"was_signed_in": token is not None}, lambda: "Signed out" if token is not None else "You were not signed in")


@click.command("whoami", cls=Command, examples=["whoami", "whoami --json"])
def whoami() -> None:
    """Show who you are to the daemon."""
    with connected() as client:
        if client.token is None:
            asked = client.service("authentication").create({"strategy": "anonymous"})
        else:
            asked = client.service("authentication").create({"strategy": "jwt", "accessToken": client.token})
    found = asked["user"]
    show(found, lambda: facts({name: found.get(name) for name in ("name", "email", "role", "user_id")}))
