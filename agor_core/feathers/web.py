"""An application on the web: guard, CORS, extra routes, REST and Socket.IO in one aiohttp application."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from aiohttp import web

from agor_core.errors import NotAuthenticated
from agor_core.feathers.app import Feathers
from agor_core.feathers.documents import ApiInfo, add_documents, health_page, metrics_page
from agor_core.feathers.guard import Guard
from agor_core.feathers.idempotency import Idempotency
from agor_core.feathers.observe import Observer
from agor_core.feathers.params import Params
from agor_core.feathers.transports.answer import error_response, refusal_response
from agor_core.feathers.transports.patience import HttpServer, Patience
from agor_core.feathers.transports.proxies import Proxies
from agor_core.feathers.transports.recovery import Recovery
from agor_core.feathers.transports.refusals import Refusals
from agor_core.feathers.transports.rest import Rest
from agor_core.feathers.transports.shortcut import Shortcut
from agor_core.feathers.transports.socketio import SocketDoor
from agor_core.feathers.transports.sockets import Limits, Shorten
from agor_core.feathers.wire import MOST_CONTAINERS, service_error

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

CORS_METHODS = "GET,HEAD,PUT,POST,DELETE,PATCH"
# aiohttp's 8190 bytes are too few for a `$in` with some hundred values.
MAX_LINE_BYTES = 64 * 1024
# So long is read, and thrown away, what follows a refusal: else the client might not get to read that.
LINGER_S = 10.0


@dataclass(frozen=True)
class ServerOptions:
    """How an application is served.

    `guard` None is the default guard: loopback names, no foreign origins. `cors_origins`: origins whose pages may
    read answers, `("*",)` for all. `routes` win over services. `form_bodies`: also take form-encoded bodies.
    `broken_text`: take text with half surrogate pairs, as JavaScript does. `max_json_containers`: so many lists and
    objects may be in one body or frame, all in all. `stranger_body_bytes`: how much may be sent
    before signing in, on a server where nobody is anonymous; None to let anybody send `max_body_bytes`.
    `stranger_connections`: how many connections from one address may be there on which nobody has signed in, where the
    guard is not for loopback only or a proxy speaks for them; None for any number. `proxies`: those whose word on where
    a request comes from is taken. `patience`: how long connections may take. `fast`: the fast
    paths of Socket.IO and REST.
    `idempotency` None takes no keys. With an `observer` there are `/metrics`, `/health` and a log line a call; with
    `documents` `/openapi.json`, `/asyncapi.json` and `/docs`. `shorten` makes events of more than 64 kB smaller.
    """

    guard: Guard | None = None
    recovery: Recovery | None = None
    cors_origins: Sequence[str] = ()
    form_bodies: bool = False
    broken_text: bool = False
    max_body_bytes: int = 10_000_000
    max_json_containers: int = MOST_CONTAINERS
    stranger_body_bytes: int | None = 256 * 1024
    stranger_connections: int | None = 256
    proxies: Proxies = field(default_factory=Proxies)
    patience: Patience = field(default_factory=Patience)
    limits: Limits = field(default_factory=Limits)
    routes: Sequence[web.RouteDef] = ()
    fast: bool = True
    idempotency: Idempotency | None = field(default_factory=Idempotency)
    observer: Observer | None = None
    documents: ApiInfo | None = None
    shorten: Shorten | None = None


APP = web.AppKey("feathers", Feathers)
DOOR = web.AppKey("feathers_door", SocketDoor)
REST = web.AppKey("feathers_rest", Rest)
SHORTCUT = web.AppKey("feathers_shortcut", Shortcut)
FAST = web.AppKey("feathers_fast", bool)
PATIENCE = web.AppKey("feathers_patience", Patience)
WATCH: web.AppKey[Callable[[HttpServer], None]] = web.AppKey("feathers_watch")


def build_web(app: Feathers, options: ServerOptions | None = None) -> web.Application:
    """The aiohttp application that serves `app`. It sets the app up at start-up and tears it down at the end."""
    options = options or ServerOptions()
    guard = options.guard or Guard()
    keep = _door_keeper(app, guard, options)
    site = web.Application(client_max_size=options.max_body_bytes, middlewares=[keep])
    site[APP] = app
    refusals = Refusals()
    door = SocketDoor(
        app,
        options.recovery,
        options.limits,
        options.max_body_bytes,
        options.broken_text,
        options.fast,
        options.idempotency,
        options.shorten,
        options.patience.body_s,
        options.stranger_body_bytes,
        options.proxies,
        refusals,
        options.max_json_containers,
    )
    site[DOOR] = door
    site[FAST] = options.fast
    site[PATIENCE] = options.patience
    site[WATCH] = _watcher(app, guard, options, refusals)
    door.attach(site)
    for route in options.routes:
        route.register(site.router)
    if options.observer is not None:
        app.observers.append(options.observer)
        page = metrics_page(options.observer, door, refusals, options.recovery)
        site.router.add_get("/metrics", page if guard.is_loopback else _for_those_signed_in(app, page))
        if "health" not in app.services:
            site.router.add_get("/health", health_page)
    if options.documents is not None:
        add_documents(site, app, options.documents, is_idempotent=options.idempotency is not None)
    rest = Rest(
        app,
        form_bodies=options.form_bodies,
        broken_text=options.broken_text,
        most_containers=options.max_json_containers,
        idempotency=options.idempotency,
        body_limit_s=options.patience.body_s,
        stranger_body_bytes=options.stranger_body_bytes,
        proxies=options.proxies,
        refusals=refusals,
    )
    # (?s: a path may hold line breaks, which are then part of an id.
    to_rest = site.router.add_route("*", "/{path:(?s:.*)}", rest.handle)
    site[SHORTCUT] = Shortcut(app, to_rest, lambda request: keep(request, rest.handle))
    site.on_startup.append(_starter(app, door))
    site[REST] = rest
    site.on_shutdown.append(_stop)
    site.on_cleanup.append(_cleaner(app))
    return site


class Runner(web.AppRunner):
    """Lets calls finish before aiohttp shuts down: from then on it reads nothing, so no call could even be refused.

    Calls of services take the shortcut past aiohttp's router. Connections are waited for, but not for ever.
    """

    _sweeping: asyncio.Task[None] | None = None

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        # aiohttp offers no way to say of which class its server is.
        server.__class__ = HttpServer
        assert isinstance(server, HttpServer)
        self.app[WATCH](server)
        shortcut = self.app[SHORTCUT]
        takes, is_fast = shortcut.takes(self.app.router), self.app[FAST]
        server.take(server.request_handler, shortcut.handle, takes, promptly=is_fast)
        self._sweeping = asyncio.create_task(server.sweep(self.app[PATIENCE]), name="feathers connection sweep")
        return server

    async def cleanup(self) -> None:
        """Listen no more, let what runs finish, close everything."""
        for site in list(self.sites):
            await site.stop()
        await _finish(self.app)
        await super().cleanup()
        if self._sweeping is not None:
            self._sweeping.cancel()


def runner(site: web.Application, **settings: Any) -> web.AppRunner:
    """A runner with the settings this needs: long request lines, bodies as they come, no access log of aiohttp's."""
    return Runner(
        site,
        access_log=None,
        auto_decompress=False,
        keepalive_timeout=site[PATIENCE].idle_s,
        lingering_time=min(LINGER_S, site[PATIENCE].body_s),
        max_line_size=MAX_LINE_BYTES,
        max_field_size=MAX_LINE_BYTES,
        **settings,
    )


def _watcher(app: Feathers, guard: Guard, options: ServerOptions, refusals: Refusals) -> Callable[[HttpServer], None]:
    def watch(server: HttpServer) -> None:
        authentication = app.authentication
        is_open = authentication is None or authentication.anonymous_user is not None
        is_private = guard.is_loopback and not options.proxies.networks
        most = None if is_open or is_private else options.stranger_connections
        server.watch(options.proxies, refusals, most, spares_this_machine=guard.is_loopback)

    return watch


def _door_keeper(app: Feathers, guard: Guard, options: ServerOptions) -> Callable[..., Awaitable[web.StreamResponse]]:
    @web.middleware
    async def keep(request: web.Request, handler: Handler) -> web.StreamResponse:
        cors = _cors_headers(request, options.cors_origins)
        headers = request.headers
        try:
            guard.check(request.method, request.path, headers)
            if (public_name := options.proxies.host(request)) is not None:
                # Beside `Host`, not in its place: a page in a browser beside the proxy may write headers, too.
                guard.check_host(public_name)
            if request.method == "OPTIONS" and cors and "access-control-request-method" in headers:
                response: web.StreamResponse = _preflight(headers)
            else:
                response = await handler(request)
        except web.HTTPException as error:
            response = error if error.status < HTTPStatus.BAD_REQUEST else refusal_response(error, request)
        except Exception as error:
            response = error_response(service_error(error, expose=app.expose_errors))
        if not response.prepared:
            if cors:
                response.headers.update(cors)
            response.headers.setdefault("X-Content-Type-Options", "nosniff")
        if isinstance(response, web.HTTPException):
            raise response
        return response

    return keep


def _for_those_signed_in(app: Feathers, handler: Handler) -> Handler:
    """A page the network may see only with a token that counts; the guard has seen no more than that there is one."""

    async def page(request: web.Request) -> web.StreamResponse:
        authentication = app.authentication
        if authentication is not None:
            headers = {name.lower(): value for name, value in request.headers.items()}
            said = authentication.with_header(Params(provider="rest", headers=headers)).authentication
            if said is None:
                raise NotAuthenticated("Not authenticated")
            await authentication.identify(said)
        return await handler(request)

    return page


def _cors_headers(request: web.Request, origins: Sequence[str]) -> dict[str, str]:
    if not origins:
        return {}
    if "*" in origins:
        return {"Access-Control-Allow-Origin": "*"}
    origin = request.headers.get("Origin")
    found = {"Vary": "Origin"}
    if origin in origins:
        found["Access-Control-Allow-Origin"] = str(origin)
    return found


def _preflight(headers: Mapping[str, str]) -> web.Response:
    response = web.Response(status=204, headers={"Access-Control-Allow-Methods": CORS_METHODS})
    asked = headers.get("access-control-request-headers")
    if asked:
        response.headers["Access-Control-Allow-Headers"] = asked
        response.headers["Vary"] = "Access-Control-Request-Headers"
    return response


def _starter(app: Feathers, door: SocketDoor) -> Callable[[web.Application], Awaitable[None]]:
    async def start(_site: web.Application) -> None:
        await app.setup()
        await door.start()

    return start


async def _finish(site: web.Application) -> None:
    """Take no new calls, and let those that run finish."""
    site[REST].is_stopping = True
    await site[DOOR].finish()


async def _stop(site: web.Application) -> None:
    await _finish(site)
    await site[DOOR].stop()


def _cleaner(app: Feathers) -> Callable[[web.Application], Awaitable[None]]:
    async def clean(_site: web.Application) -> None:
        await app.teardown()

    return clean
