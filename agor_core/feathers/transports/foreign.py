"""What aiohttp refuses by itself, and would say in plain text, as errors of the family."""

from __future__ import annotations

import re
from http import HTTPStatus

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

from agor_core.errors import ERRORS, BadRequest, NotFound, ServiceError

_TOO_MANY = "Too many headers received"


class HeadTooLarge(ServiceError):
    """431: a request whose head is longer than any that makes sense."""

    code, name, class_name = 431, "RequestHeaderFieldsTooLarge", "request-header-fields-too-large"


def error_of(refusal: web.HTTPException, request: web.BaseRequest) -> ServiceError:
    """What aiohttp, or a route of the application, has refused a request with."""
    if refusal.status == HTTPStatus.NOT_FOUND:
        return NotFound(f"Path {request.rel_url.raw_path or '/'} not found")
    said = refusal.text or ""
    is_usual = said == f"{refusal.status}: {refusal.reason}"
    return _kind(refusal.status)(refusal.reason if is_usual else said)


def misheard(error: BaseException | None, message: str | None) -> ServiceError:
    """What is said to who has sent what is no request; `message` is what aiohttp has to say of it."""
    # It goes on, over several lines, with what was sent.
    what = (message or "").partition("\n")[0].strip().removesuffix(":")
    if isinstance(error, LineTooLong) or what == _TOO_MANY:
        return HeadTooLarge("the head of the request is too long")
    return BadRequest(f"this is no HTTP request: {what}" if what else "this is no HTTP request")


def _kind(status: int) -> type[ServiceError]:
    """The class of the family with this code; one is made of HTTP's own words where there is none."""
    for kind in ERRORS.values():
        if kind.code == status:
            return kind
    phrase = HTTPStatus(status).phrase
    names = {"code": status, "name": re.sub("[^A-Za-z]", "", phrase), "class_name": phrase.lower().replace(" ", "-")}
    return type("HttpRefusal", (ServiceError,), names)
