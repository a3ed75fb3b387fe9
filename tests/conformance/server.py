"""The server that conformance suites drive: `python -m tests.conformance.server --port N [--id FIELD]`.

In memory, without recovery, open to any origin. Needs the runtime dependencies only.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal

from aiohttp import web

from agor_core.feathers import Feathers
from agor_core.feathers.authentication.attempts import Attempts
from agor_core.feathers.authentication.service import TokenValidity
from agor_core.feathers.files import allow_many_files
from agor_core.feathers.guard import Guard
from agor_core.feathers.transports.sockets import Limits
from agor_core.feathers.web import ServerOptions, build_web, runner
from tests.conformance.accounts import add_accounts, add_publishers
from tests.conformance.services import Errors, add_echo, add_hooked, add_people

HOSTS = ("127.0.0.1", "::1")
# No call holds up another, however many of one connection take their time.
LIMITS = Limits(calls=10_000)


def build_app(
    id_field: str = "id", attempts: Attempts | None = None, validity: TokenValidity | None = None
) -> Feathers:
    """The application with all services of the fixture; `attempts`: how often a sign-in may fail; `validity`: what ends
    a token early."""
    app = Feathers(expose_errors=True)
    add_people(app, id_field)
    add_echo(app, "echo")
    add_echo(app, "rooms/:roomId/echo")
    app.use("errors", Errors())
    add_hooked(app)
    add_accounts(app, attempts, validity)
    add_publishers(app)
    return app


def build_site(
    app: Feathers, *, fast: bool = True, limits: Limits | None = None, broken_text: bool = True
) -> web.Application:
    """The application on the web as the fixture asks for it, `broken_text` included."""
    options = ServerOptions(
        guard=Guard.open(),
        cors_origins=("*",),
        form_bodies=True,
        broken_text=broken_text,
        fast=fast,
        limits=limits or LIMITS,
        stranger_body_bytes=None,
        idempotency=None,
    )
    return build_web(app, options)


async def serve(port: int, id_field: str, *, fast: bool) -> None:
    """Serve until told to stop."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    running = runner(build_site(build_app(id_field), fast=fast), shutdown_timeout=2.0)
    await running.setup()
    try:
        await web.TCPSite(running, HOSTS[0], port, backlog=1024).start()
        actual = running.addresses[0][1]
        for host in HOSTS[1:]:
            try:
                await web.TCPSite(running, host, actual, backlog=1024).start()
            except OSError:
                logging.getLogger(__name__).info("not listening on %s", host)
        print(f"listening on http://{HOSTS[0]}:{actual}", flush=True)
        await stop.wait()
    finally:
        await running.cleanup()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--id", default="id", help="the field of a record's id")
    parser.add_argument("--stock", action="store_true", help="Socket.IO without the fast path")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    allow_many_files()
    asyncio.run(serve(arguments.port, arguments.id, fast=not arguments.stock))


if __name__ == "__main__":
    main()
