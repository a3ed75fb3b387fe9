"""What a service offers: the six standard methods, and custom ones by name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

STANDARD = ("find", "get", "create", "update", "patch", "remove")
STANDARD_EVENTS = {"create": "created", "update": "updated", "patch": "patched", "remove": "removed"}

# Names that mean something else on a service, an event emitter or a socket; as custom methods they would be taken
# for those. The list is the one Feathers refuses, plus what sockets reserve.
RESERVED = frozenset(
    {
        "all", "around", "before", "after", "error", "hooks", "setup", "teardown", "publish", "service", "use", "call",
        "emit", "on", "once", "off", "addListener", "removeListener", "removeAllListeners", "listeners", "connect",
        "connect_error", "disconnect", "disconnecting", "newListener", "toString", "valueOf", "hasOwnProperty",
        "isPrototypeOf", "propertyIsEnumerable", "constructor", "__proto__", "prototype",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Method:
    """One thing a service can be asked to do, as the dispatcher sees it.

    `name` is the attribute on the service object and what hooks are registered for; `arguments` is its signature
    out of id, sub, data, params. `wire` is the name clients use.
    """

    name: str
    arguments: tuple[str, ...]
    wire: str
    creates: bool = False
    status: int | None = None
    event: str | None = None

    @property
    def reads(self) -> bool:
        """Whether it is asked for with GET, and so changes nothing."""
        return self.wire in ("find", "get") or (self.wire not in STANDARD and self.arguments == ("id", "params"))


@dataclass(frozen=True, slots=True)
class RecordMethod:
    """A custom method of one record; each of `read`, `write`, `remove` names an attribute of the service.

    `write(id, data, params)`: `POST /<path>/<id>/<name>`; the socket event and the `X-Service-Method` `<name>` with
    the id in the data, under the service's `id_field`; `create` on the path `<path>/<id>/<name>`.
    `read(id, params)`: `GET /<path>/<id>/<name>`; `find` on that path.
    `remove(id, sub, params)`: `DELETE /<path>/<id>/<name>/<sub>`; `remove(sub)` on that path.
    """

    name: str
    read: str | None = None
    write: str | None = None
    remove: str | None = None
    creates: bool = False
    status: int | None = None


@dataclass(frozen=True, slots=True)
class CollectionMethod:
    """A custom method as Feathers has them, `call(data, params)`; `call` is the attribute, by default the name.

    Reached by the socket event and the `X-Service-Method` `<name>`, by `POST /<path>/<name>`, and by `create` on
    the path `<path>/<name>`. A registered name wins over a record's id.
    """

    name: str
    call: str | None = None
    creates: bool = False
    status: int | None = None


SIGNATURES: dict[str, tuple[str, ...]] = {
    "find": ("params",),
    "get": ("id", "params"),
    "create": ("data", "params"),
    "update": ("id", "data", "params"),
    "patch": ("id", "data", "params"),
    "remove": ("id", "params"),
}


class MethodTable:
    """The methods of one service, by how they are asked for. Raises ValueError for a name that cannot be."""

    def __init__(self, service: Any, methods: Iterable[str | RecordMethod | CollectionMethod] | None) -> None:
        self.standard: dict[str, Method] = {}
        self.collection: dict[str, Method] = {}
        self.record: dict[str, dict[str, Method]] = {}
        self.by_attribute: dict[str, Method] = {}
        # Methods a client may not call still exist for calls from inside.
        for name in STANDARD:
            if callable(getattr(service, name, None)):
                self.by_attribute[name] = _standard(name)
        offered = [name for name in STANDARD if name in self.by_attribute] if methods is None else methods
        for entry in offered:
            self._offer(service, entry)
        if not self.by_attribute and not any(callable(getattr(service, name, None)) for name in ("setup", "teardown")):
            raise ValueError(f"{type(service).__name__} is no service: it has no methods")

    def _offer(self, service: Any, entry: str | RecordMethod | CollectionMethod) -> None:
        if isinstance(entry, str):
            if entry in STANDARD:
                # As in Feathers, a standard method that is listed but not there is simply not offered.
                if entry in self.by_attribute:
                    self.standard[entry] = self.by_attribute[entry]
                return
            entry = CollectionMethod(entry)
        if entry.name in RESERVED or entry.name in STANDARD or entry.name.startswith("_"):
            raise ValueError(f"{entry.name!r} cannot be the name of a custom method")
        if isinstance(entry, CollectionMethod):
            method = Method(
                entry.call or entry.name, ("data", "params"), entry.name, creates=entry.creates, status=entry.status
            )
            self.collection[entry.name] = self._custom(service, method)
            return
        signatures = {"read": ("id", "params"), "write": ("id", "data", "params"), "remove": ("id", "sub", "params")}
        kinds: dict[str, Method] = {}
        for kind, signature in signatures.items():
            attribute = getattr(entry, kind)
            if attribute is not None:
                made = Method(
                    attribute,
                    signature,
                    entry.name,
                    creates=entry.creates and kind == "write",
                    status=entry.status if kind == "write" else None,
                )
                kinds[kind] = self._custom(service, made)
        self.record[entry.name] = kinds

    def _custom(self, service: Any, method: Method) -> Method:
        if not callable(getattr(service, method.name, None)):
            raise ValueError(f"{type(service).__name__} has no method {method.name!r}")
        self.by_attribute[method.name] = method
        return method

    def names(self) -> list[str]:
        """The names clients may call, the standard ones first."""
        return [*self.standard, *self.collection, *self.record]


def _standard(name: str) -> Method:
    return Method(name, SIGNATURES[name], name, creates=name == "create", event=STANDARD_EVENTS.get(name))
