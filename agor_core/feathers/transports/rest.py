"""REST on aiohttp: one handler for every path of a service, and answers with the statuses Feathers gives."""

from __future__ import annotations

import re
import sys
from codecs import BOM_UTF8
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from aiohttp import web
from aiohttp.hdrs import CONTENT_ENCODING

from agor_core.errors import BadRequest, MethodNotAllowed, NotAuthenticated, NotFound, Unavailable
from agor_core.feathers.app import Feathers
from agor_core.feathers.idempotency import Idempotency
from agor_core.feathers.params import UNSET, HookContext, Http, Params
from agor_core.feathers.querystring import decode_segment, parse_query
from agor_core.feathers.transports.answer import JSON_TYPE, Answer, error_response
from agor_core.feathers.transports.bodies import PayloadTooLarge, body_of
from agor_core.feathers.transports.dispatch import rest_call, verbs_of
from agor_core.feathers.transports.packing import ENCODINGS, BrokenBody, UnsupportedEncoding, is_packed
from agor_core.feathers.transports.patience import HttpConnection
from agor_core.feathers.transports.proxies import Proxies
from agor_core.feathers.transports.refusals import Reason, Refusals
from agor_core.feathers.wire import MOST_CONTAINERS, dumps, loads, service_error

FORM_TYPE = "application/x-www-form-urlencoded"
# What encodeURI leaves alone, and percent signs, which a location that is encoded already has.
LOCATION_SAFE = ";,/?:@&=+$-_.!~*'()#%"

_ORIGIN = re.compile(r"https?://[^/]*", re.IGNORECASE)


class Rest:
    """The REST door of an application.

    `body_limit_s`: within this time a body has to be there. `stranger_body_bytes`: who has not signed in, where nobody
    is anonymous, may send no more; None for no such limit.
    """

    def __init__(
        self,
        app: Feathers,
        *,
        form_bodies: bool = False,
        broken_text: bool = False,
        most_containers: int = MOST_CONTAINERS,
        idempotency: Idempotency | None = None,
        body_limit_s: float = 60.0,
        stranger_body_bytes: int | None = None,
        proxies: Proxies | None = None,
        refusals: Refusals | None = None,
    ) -> None:
        self._app = app
        self._idempotency = idempotency
        self._body_limit_s = body_limit_s
        self._stranger_body_bytes = stranger_body_bytes
        self._few_bytes = sys.maxsize if stranger_body_bytes is None else stranger_body_bytes
        self._proxies = proxies or Proxies()
        self._refusals = refusals or Refusals()
        self.is_stopping = False
        self._form_bodies = form_bodies
        self._broken_text = broken_text
        self._most_containers = most_containers

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer a request; whatever goes wrong becomes an error of the family, as JSON."""
        try:
            return await self._answer(request)
        except Exception as error:
            response = error_response(service_error(error, expose=self._app.expose_errors))
            if isinstance(error, MethodNotAllowed):
                # HTTP asks for it.
                response.headers["Allow"] = ", ".join(verbs_of(self._app, _segments(_raw_path(request)[0])))
            elif isinstance(error, BrokenBody):
                response.force_close()
            elif isinstance(error, UnsupportedEncoding):
                response.headers["Accept-Encoding"] = ", ".join(ENCODINGS)
            return response

    async def _answer(self, request: web.Request) -> web.Response:
        if self.is_stopping:
            raise Unavailable("the server is stopping")
        raw_path, raw_query = _raw_path(request)
        verb = "GET" if request.method == "HEAD" else request.method
        segments = _segments(raw_path)
        body = UNSET
        if verb not in ("GET", "OPTIONS"):
            raw = self._at_hand(request) if request.can_read_body else b""
            body = self._body(request, await self._arrived(request) if raw is None else raw)
        custom = request.headers.get("X-Service-Method") or None
        call = rest_call(self._app, verb, segments, custom, body)
        if call is None:
            raise NotFound(f"Path {raw_path} not found")
        query = parse_query(raw_query)
        params = Params(
            query=query,
            provider="rest",
            route=call.route,
            headers=_headers(request),
            extra={"address": self._proxies.origin(request)},
        )
        if self._app.authentication is not None:
            params = self._app.authentication.with_header(params)
        context = await call.run(params, self._idempotency)
        if context.params.authenticated and isinstance(request.protocol, HttpConnection):
            request.protocol.know()
        return _response(context)

    def _body(self, request: web.Request, raw: bytes) -> Any:
        content_type = request.headers.get("Content-Type")
        if not raw and content_type is None:
            return UNSET
        if content_type != "application/json":
            content_type = request.content_type
        if self._form_bodies and content_type == FORM_TYPE:
            try:
                return parse_query(raw.decode())
            except UnicodeDecodeError as error:
                raise BadRequest("the form is not UTF-8") from error
        if not raw:
            # As in Feathers: clients that have nothing to say say that it is JSON.
            return {} if _is_json(content_type) else UNSET
        if not _is_json(content_type):
            # A browser sends other types across origins without asking; nothing of ours needs them.
            raise BadRequest("send JSON, with Content-Type: application/json")
        text = raw.removeprefix(BOM_UTF8)
        data = loads(text, broken_text=self._broken_text, most_containers=self._most_containers)
        if not isinstance(data, dict | list):
            raise BadRequest("a JSON body is an object or a list")
        return data

    def _at_hand(self, request: web.Request) -> bytes | None:
        """A body that came together with its head, as most do, and that anybody may send."""
        content = request.content
        is_little = content.total_bytes <= min(self._few_bytes, request.client_max_size)
        if content.is_eof() and is_little and CONTENT_ENCODING not in request.headers:
            return content.read_nowait()
        return None

    async def _arrived(self, request: web.Request) -> bytes:
        few, most = self._stranger_body_bytes, request.client_max_size
        # What is packed may be of any size.
        size = None if is_packed(request) else request.content_length

        def refused(reason: Reason) -> None:
            self._refusals.note(reason, self._proxies.client(request))

        if few is None or few >= most or (size is not None and size <= few) or await self._is_known(request):
            return await body_of(request, most, self._body_limit_s, refused)
        try:
            return await body_of(request, few, self._body_limit_s, refused, Reason.STRANGER_BODY)
        except PayloadTooLarge as error:
            raise NotAuthenticated(f"Not authenticated: sign in to send more than {few} bytes") from error

    async def _is_known(self, request: web.Request) -> bool:
        """Whether the caller has signed in, or need not. Raises NotAuthenticated for a token that does not count."""
        authentication = self._app.authentication
        if authentication is None:
            return True
        said = authentication.with_header(Params(provider="rest", headers=_headers(request)))
        if said.authentication is not None:
            await authentication.identify(said.authentication)
            return True
        return said.user is not None


def _is_json(content_type: str) -> bool:
    return content_type == "application/json" or content_type.endswith("+json")


def _headers(request: web.Request) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}


def _raw_path(request: web.Request) -> tuple[str, str]:
    """Path and query as they were sent."""
    raw_path, _, raw_query = request.raw_path.partition("?")
    if not raw_path.startswith("/"):
        # A proxy sends the whole address, as HTTP lets it.
        raw_path = _ORIGIN.sub("", raw_path)
    return raw_path.partition("#")[0], raw_query


def _segments(raw_path: str) -> list[str]:
    # Segments first, then decoding: an encoded slash belongs to an id.
    return [decode_segment(segment) for segment in raw_path.strip("/").split("/")]


def _response(context: HookContext) -> web.Response:
    answer, method = context.answer, context.signature
    body = None if answer is None else dumps(answer)
    if body is None:
        status = 204
    elif method.status is not None:
        status = method.status
    else:
        status = 201 if method.creates else 200
    response = Answer(status=status, body=body)
    if body is not None:
        response.headers["Content-Type"] = JSON_TYPE
    if context.has_http:
        _say(response, context.http)
    return response


def _say(response: web.Response, http: Http) -> None:
    """What hooks have said of the answer."""
    for name, value in http.headers.items():
        response.headers.popall(name, None)
        for one in [value] if isinstance(value, str) or not isinstance(value, Sequence) else value:
            response.headers.add(name, str(one))
    if http.location is not None:
        response.headers["Location"] = quote(http.location, safe=LOCATION_SAFE)
    if http.status is not None:
        response.set_status(http.status)
    elif "Location" in response.headers:
        response.set_status(303)
