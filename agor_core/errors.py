"""The one family of errors; what is a `ServiceError` travels to clients as it is.

Names, codes and class names are those of Feathers 5, so that the official clients rebuild the same class.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class AgorError(Exception):
    """Anything this project raises on purpose."""


class ConfigError(AgorError):
    """The configuration cannot be used; raised at start-up only, with a message that says what to change."""


class ServiceError(AgorError):
    """An error a caller may see: `name`, `message`, `code`, `class_name`, and `data` and `errors` where there are any.

    `facts` become keys of `data`. As in Feathers, a key `errors` inside `data` moves to `errors`.
    """

    code: ClassVar[int] = 500
    name: ClassVar[str] = "GeneralError"
    class_name: ClassVar[str] = "general-error"

    def __init__(
        self,
        message: str = "Error",
        *,
        data: Mapping[str, Any] | list[Any] | None = None,
        errors: Any = None,
        **facts: Any,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.data: dict[str, Any] | list[Any] | None
        if isinstance(data, list):
            self.data = data
        else:
            merged = {**(data or {}), **facts}
            if errors is None:
                errors = merged.pop("errors", None)
            # Empty where there was nothing but `errors`, as in Feathers: clients look into it unasked.
            self.data = merged if merged or data is not None else None
        self.errors = errors


class GeneralError(ServiceError):
    """500: something went wrong that the caller can do nothing about."""


class BadRequest(ServiceError):
    """400: the call makes no sense as it is."""

    code, name, class_name = 400, "BadRequest", "bad-request"


class NotAuthenticated(ServiceError):
    """401: nobody, or a token that does not count."""

    code, name, class_name = 401, "NotAuthenticated", "not-authenticated"


class PaymentError(ServiceError):
    """402."""

    code, name, class_name = 402, "PaymentError", "payment-error"


class Forbidden(ServiceError):
    """403: known, but not allowed."""

    code, name, class_name = 403, "Forbidden", "forbidden"


class NotFound(ServiceError):
    """404: there is no such thing, or none that the caller may know of."""

    code, name, class_name = 404, "NotFound", "not-found"


class MethodNotAllowed(ServiceError):
    """405: the service does not offer this method."""

    code, name, class_name = 405, "MethodNotAllowed", "method-not-allowed"


class NotAcceptable(ServiceError):
    """406."""

    code, name, class_name = 406, "NotAcceptable", "not-acceptable"


class Timeout(ServiceError):
    """408."""

    code, name, class_name = 408, "Timeout", "timeout"


class Conflict(ServiceError):
    """409: not in this state; also an ambiguous short id."""

    code, name, class_name = 409, "Conflict", "conflict"


class Gone(ServiceError):
    """410."""

    code, name, class_name = 410, "Gone", "gone"


class LengthRequired(ServiceError):
    """411."""

    code, name, class_name = 411, "LengthRequired", "length-required"


class Unprocessable(ServiceError):
    """422: understood, but it cannot be done."""

    code, name, class_name = 422, "Unprocessable", "unprocessable"


class GitRefused(Unprocessable):
    """422: git said no; the message carries its words. On the wire it is an `Unprocessable`."""


class TooManyRequests(ServiceError):
    """429."""

    code, name, class_name = 429, "TooManyRequests", "too-many-requests"


class NotImplementedYet(ServiceError):
    """501; `NotImplemented` on the wire. Python keeps that name for a constant of its own."""

    code, name, class_name = 501, "NotImplemented", "not-implemented"


class BadGateway(ServiceError):
    """502."""

    code, name, class_name = 502, "BadGateway", "bad-gateway"


class Unavailable(ServiceError):
    """503: not now; trying again later may work."""

    code, name, class_name = 503, "Unavailable", "unavailable"


ERRORS: Mapping[str, type[ServiceError]] = {
    error.name: error
    for error in (
        BadRequest,
        NotAuthenticated,
        PaymentError,
        Forbidden,
        NotFound,
        MethodNotAllowed,
        NotAcceptable,
        Timeout,
        Conflict,
        Gone,
        LengthRequired,
        Unprocessable,
        TooManyRequests,
        GeneralError,
        NotImplementedYet,
        BadGateway,
        Unavailable,
    )
}
"""Every class by its name on the wire."""
