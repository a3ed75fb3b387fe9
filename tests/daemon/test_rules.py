"""Every method that is offered has a rule about who may call it."""

from __future__ import annotations

import pytest

from agor_core.feathers import CollectionMethod
from agor_daemon.access import RULES, Rule
from agor_daemon.services import OTHERS, STORED, Offer
from tests.support.daemon import Daemon

OFFERS = {**STORED, **OTHERS}


def called(offer: Offer) -> set[str]:
    """The names under which an offer's methods are known to hooks."""
    names: set[str] = set()
    for method in offer.methods:
        if isinstance(method, str):
            names.add(method)
        elif isinstance(method, CollectionMethod):
            names.add(method.call or method.name)
        else:
            names |= {name for name in (method.read, method.write, method.remove) if name is not None}
    return names


@pytest.mark.parametrize("path", OFFERS)
def test_every_offered_method_has_a_rule(path: str) -> None:
    """A method without a rule could not be called, a rule without a method would be forgotten."""
    assert called(OFFERS[path]) == set(RULES[path])


def test_only_health_and_authentication_are_for_everybody() -> None:
    """Nothing but the state of health and signing in is public."""
    public = {(path, method) for path, rules in RULES.items() for method, rule in rules.items() if rule is Rule.PUBLIC}
    assert public == {("health", "find"), ("authentication", "create"), ("authentication", "remove")}


def test_a_strangers_origin_gets_nothing_from_any_door(daemon: Daemon) -> None:
    """Whatever is served, under whatever method, a page of another site is refused before anything is looked up."""
    doors = [
        "/",
        "/assets/x",
        "/docs",
        "/openapi.json",
        "/asyncapi.json",
        "/metrics",
        "/socket.io/",
        "/nowhere",
        *(f"/{p}" for p in OFFERS),
    ]
    for door in doors:
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            status, error = daemon.request(method, door, headers={"Origin": "https://evil.example"})
            assert (status, error["name"]) == (403, "Forbidden"), (method, door)
