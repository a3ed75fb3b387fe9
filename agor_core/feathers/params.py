"""What a call carries: `Params`, and the `HookContext` that hooks see and change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self

if TYPE_CHECKING:
    from agor_core.feathers.app import Feathers
    from agor_core.feathers.channels import Connection
    from agor_core.feathers.methods import Method
    from agor_core.feathers.service import ServiceHandle

UNSET: Any = type("Unset", (), {"__repr__": lambda _: "UNSET", "__bool__": lambda _: False})()
"""Stands for JavaScript's undefined where None already means null."""


class _Fields(NamedTuple):
    query: dict[str, Any]
    provider: Literal["rest", "socketio"] | None
    route: Mapping[str, str]
    headers: Mapping[str, str]
    connection: Connection | None
    user: dict[str, Any] | None
    authentication: dict[str, Any] | None
    authenticated: bool
    paginate: Any
    extra: dict[str, Any]


class Params(_Fields):
    """The parameters of a call. `Params()` is a call from inside: no provider, hence trusted.

    `paginate`: None is the service's own setting, False a plain list, `{"default": n, "max": n}` another setting;
    clients cannot send it. `extra` is a bag for hooks, one per call. Frozen; `replace` gives a copy. A tuple, because
    every call makes some, and a frozen dataclass takes three times as long.
    """

    __slots__ = ()

    def __new__(
        cls,
        query: dict[str, Any] | None = None,
        provider: Literal["rest", "socketio"] | None = None,
        route: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        connection: Connection | None = None,
        user: dict[str, Any] | None = None,
        authentication: dict[str, Any] | None = None,
        authenticated: bool = False,
        paginate: Any = None,
        extra: dict[str, Any] | None = None,
    ) -> Self:
        query, extra = {} if query is None else query, {} if extra is None else extra
        route, headers = {} if route is None else route, {} if headers is None else headers
        fields = query, provider, route, headers, connection, user, authentication, authenticated, paginate, extra
        return tuple.__new__(cls, fields)

    def replace(self, **changes: Any) -> Params:
        """A copy with some parameters changed; `extra` stays the same bag."""
        return self._replace(**changes)


@dataclass(slots=True)
class Http:
    """What a hook may say about the HTTP answer; without effect over a socket.

    `headers`: a list of values is sent as several headers. A `location` makes the status 303 unless one is set.
    """

    status: int | None = None
    headers: dict[str, str | Sequence[str]] = field(default_factory=dict)
    location: str | None = None


class HookContext:
    """One call on its way through the hooks.

    Setting `result`, also to None, skips the method. `dispatch`, once set, is what outside callers and events get
    in place of the result. `event` None sends no event. `given` names the arguments the caller really sent:
    an id that was left out and an id that is null both read None, and mean different things.
    """

    __slots__ = (
        "_dispatch",
        "_http",
        "_result",
        "app",
        "data",
        "error",
        "event",
        "given",
        "id",
        "method",
        "params",
        "path",
        "service",
        "signature",
        "sub",
        "type",
    )

    def __init__(
        self,
        handle: ServiceHandle,
        method: Method,
        params: Params,
        *,
        id: Any = UNSET,
        data: Any = UNSET,
        sub: Any = UNSET,
    ) -> None:
        self.app: Feathers = handle.app
        self.path: str = handle.path
        self.service: ServiceHandle = handle
        self.signature: Method = method
        self.method: str = method.name
        self.type: Literal["around", "before", "after", "error"] | None = None
        self.params: Params = params
        given: list[str] = []
        self.id: Any = None
        self.data: Any = None
        self.sub: Any = None
        if id is not UNSET:
            given.append("id")
            self.id = id
        if data is not UNSET:
            given.append("data")
            self.data = data
        if sub is not UNSET:
            given.append("sub")
            self.sub = sub
        self.given = frozenset(given)
        self.error: BaseException | None = None
        self.event: str | None = method.event
        self._http: Http | None = None
        self._result: Any = UNSET
        self._dispatch: Any = UNSET

    @property
    def http(self) -> Http:
        """What is to be said in HTTP; made when first asked for, which is seldom."""
        if self._http is None:
            self._http = Http()
        return self._http

    @property
    def has_http(self) -> bool:
        """Whether anybody has asked for `http`, and may have said something."""
        return self._http is not None

    @property
    def result(self) -> Any:
        """What internal callers get; None as long as `has_result` is False."""
        return None if self._result is UNSET else self._result

    @result.setter
    def result(self, value: Any) -> None:
        self._result = value

    @property
    def has_result(self) -> bool:
        """Whether a result, possibly None, has been set."""
        return self._result is not UNSET

    def forget_result(self) -> None:
        """Unset the result, as when an error takes its place."""
        self._result = UNSET

    @property
    def dispatch(self) -> Any:
        """What outside callers get in place of the result; None as long as `has_dispatch` is False."""
        return None if self._dispatch is UNSET else self._dispatch

    @dispatch.setter
    def dispatch(self, value: Any) -> None:
        self._dispatch = value

    @property
    def has_dispatch(self) -> bool:
        """Whether a dispatch, possibly None, has been set."""
        return self._dispatch is not UNSET

    @property
    def answer(self) -> Any:
        """What outside callers get."""
        return self.result if self._dispatch is UNSET else self._dispatch

    @property
    def arguments(self) -> list[Any]:
        """The arguments the method is called with, in its order."""
        return [getattr(self, name) for name in self.signature.arguments]
