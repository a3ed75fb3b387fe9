"""What opens when the daemon starts, in order, and closes in reverse."""

from __future__ import annotations

import asyncio
import dataclasses
import errno
import gc
import logging
import os
import signal
import socket as sockets
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from agor_core.clock import iso, now_ms
from agor_core.config import Settings, Source
from agor_core.db import Database
from agor_core.errors import ConfigError, ServiceError
from agor_core.feathers.documents import ApiInfo
from agor_core.feathers.files import allow_many_files
from agor_core.feathers.guard import LOOPBACK_NAMES, Guard
from agor_core.feathers.observe import Observer
from agor_core.feathers.transports.patience import Patience
from agor_core.feathers.transports.proxies import Proxies
from agor_core.feathers.transports.recovery import Recovery
from agor_core.feathers.transports.sockets import Limits
from agor_core.feathers.web import ServerOptions, build_web, runner
from agor_core.git import end_leftovers
from agor_daemon import __version__, home
from agor_daemon.app import build_app
from agor_daemon.database import opened
from agor_daemon.documents import ABOUT
from agor_daemon.gui import gui_routes
from agor_daemon.live_settings import LiveSettings
from agor_daemon.recovery import end_orphans, recover
from agor_daemon.services.placement import go_on_taking_in
from agor_daemon.supervisor import Supervisor

log = logging.getLogger(__name__)

GRACE_S = 10.0
PRUNE_EVERY_S = 600.0
QUIET = ("alembic", "agor_core.feathers.engineio", "libsql_client")
LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"


@dataclass(frozen=True)
class Running:
    """A daemon that answers at `url`."""

    url: str
    live: LiveSettings
    announcement: home.Announcement

    def reload(self) -> None:
        """Read the settings again, and say in the home that it was done, or why not."""
        try:
            self.live.reload()
        except ConfigError as error:
            log.warning("the settings stay as they were: %s", error)
            self.announcement.reloaded(str(error))
        else:
            log.info("read the settings again")
            self.announcement.reloaded(None)


@asynccontextmanager
async def lifespan(settings: Settings) -> AsyncIterator[Running]:
    """A running daemon. Raises ConfigError when it cannot start."""
    async with AsyncExitStack() as stack:
        live = LiveSettings(settings)
        home.prepare(settings.home, room_bytes=home.LEAST_ROOM_BYTES)
        allow_many_files()
        before = stack.enter_context(home.held(settings.home))
        gits = await end_leftovers(before)
        database = stack.enter_context(opened(settings))
        await database.change_log.start()
        stack.push_async_callback(database.change_log.stop)
        supervisor = await stack.enter_async_context(Supervisor(GRACE_S))
        daemon = build_app(live, database, supervisor)
        found = await recover(database, daemon.worktrees, daemon.cloning, gits)
        daemon.health.recovered = dataclasses.asdict(found) if found else None
        socket = _listen(settings)
        url = _url(settings, socket.getsockname()[1])
        limits = settings.limits
        options = ServerOptions(
            guard=_guard(settings, url),
            recovery=Recovery(database.change_log, database.connections, settings.events.recovery_s),
            routes=gui_routes(),
            observer=Observer(user_field="user_id"),
            documents=ApiInfo("Agor", __version__, ABOUT),
            proxies=Proxies.of(settings.daemon.trusted_proxies, settings.daemon.proxy_header),
            max_body_bytes=limits.body_bytes,
            stranger_body_bytes=limits.stranger_body_bytes,
            stranger_connections=limits.stranger_connections,
            patience=Patience(limits.head_s, limits.body_s, limits.idle_s, limits.unread_s),
            limits=Limits(connections=limits.sockets, change_over_s=limits.change_over_s),
            max_json_containers=limits.json_containers,
        )
        site_runner = runner(build_web(daemon.app, options), shutdown_timeout=GRACE_S)
        await site_runner.setup()
        stack.push_async_callback(site_runner.cleanup)
        stack.push_async_callback(daemon.runs.stop_all)
        await web.SockSite(site_runner, socket).start()
        supervisor.start(_prune(live, database), name="pruning of the change log")
        flags = [key for key, source in settings.sources.items() if source is Source.FLAG]
        facts = {
            "pid": os.getpid(),
            "url": url,
            "version": __version__,
            "started_at": iso(now_ms()),
            "host": settings.daemon.host,
            "flags": flags,
        }
        announcement = stack.enter_context(home.announced(settings.home, facts))
        await daemon.runs.resume_waiting()
        supervisor.start(go_on_taking_in(database), name="taking in of sessions")
        yield Running(url, live, announcement)


async def serve(settings: Settings) -> None:
    """Run until SIGINT or SIGTERM."""
    # What the format does not show is not asked for with each line.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format=LOG_FORMAT)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with lifespan(settings) as running:
        # Not SIGHUP: a daemon in the foreground gets that when its terminal is closed, and should end then.
        loop.add_signal_handler(home.RELOAD, running.reload)
        print(f"Agor {__version__} listens on {running.url}", flush=True)
        gc.freeze()  # what start-up made stays; no collection need look at it again
        gc.enable()
        await stop.wait()
        log.info("stopping")


async def _prune(live: LiveSettings, database: Database) -> None:
    """Keep the change log, and what is remembered of old connections and tokens, as short as the settings say; end the
    runs of other daemons on this database that died. What cannot be done while the database is away is done later."""
    while True:
        try:
            events = live.current.events
            await database.change_log.prune(keep_days=events.keep_days, keep_rows=events.keep_rows)
            await database.write(lambda tx: tx.tokens.forget(tx.now))
            await database.connections.forget(now_ms() - events.recovery_s * 1000)
            await end_orphans(database)
        except ServiceError as error:
            log.warning("the database cannot be kept short, trying again later: %s", error)
        await asyncio.sleep(PRUNE_EVERY_S)


def _guard(settings: Settings, url: str) -> Guard:
    port = url.rpartition(":")[2]
    hosts = LOOPBACK_NAMES | set(settings.daemon.allowed_hosts)
    own = {f"http://{name}:{port}" for name in LOOPBACK_NAMES} if settings.daemon.is_loopback else set()
    named = {f"{scheme}://{name}:{port}" for name in settings.daemon.allowed_hosts for scheme in ("http", "https")}
    return Guard(
        allowed_hosts=frozenset(hosts),
        allowed_origins=frozenset({*own, *named, *settings.daemon.allowed_origins}),
        is_loopback=settings.daemon.is_private,
        is_open=_is_open,
    )


def _is_open(method: str, path: str) -> bool:
    """What can be reached from the network before signing in: the GUI's files, and signing in itself."""
    if method in ("GET", "HEAD"):
        return path in ("/", "/health") or path.startswith(("/assets/", "/socket.io/"))
    return method == "POST" and path.rstrip("/") in ("/authentication", "/socket.io")


def _listen(settings: Settings) -> sockets.socket:
    """The listening socket. Raises ConfigError with what to do when the address cannot be had."""
    host, port = settings.daemon.host.strip("[]"), settings.daemon.port
    family = sockets.AF_INET6 if ":" in host else sockets.AF_INET
    listener = sockets.socket(family, sockets.SOCK_STREAM)
    listener.setsockopt(sockets.SOL_SOCKET, sockets.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise ConfigError(
                f"port {port} on {host} is in use; stop what uses it, or take another with --port or "
                "`agor config set daemon.port`"
            ) from error
        raise ConfigError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    listener.setblocking(False)
    return listener


def _url(settings: Settings, port: int) -> str:
    host = settings.daemon.host.strip("[]")
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
