"""A daemon that the network can reach: nothing without a token that counts, and no request takes what others need."""

from __future__ import annotations

import resource
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from agor_daemon.services import OTHERS, STORED
from tests.support.daemon import Daemon, clean_environment, running_daemon
from tests.support.team import Client, make_user

NAME = "agor.example"
CLOSED_DOORS = (
    "/metrics",
    "/docs",
    "/openapi.json",
    "/nowhere",
    *(f"/{path}" for path in (*STORED, *OTHERS) if path not in ("health", "authentication")),
)
TO_SIGNED_IN = ("/metrics", *(f"/{path}" for path in (*STORED, *OTHERS) if path not in ("health", "authentication")))


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon bound to every address, called `agor.example`."""
    folder = tmp_path_factory.mktemp("network")
    environment = clean_environment(folder / "home")
    environment |= {"AGOR_DAEMON_REQUIRE_AUTH": "true", "AGOR_DAEMON_ALLOWED_HOSTS": NAME}
    make_user(environment, "owner@example.com")
    with running_daemon(folder, "--host=0.0.0.0", environment=environment) as running:
        running.url = running.url.replace("0.0.0.0", "127.0.0.1")
        yield running


@pytest.mark.parametrize("door", CLOSED_DOORS)
def test_a_stranger_gets_nothing(network: Daemon, door: str) -> None:
    """Without a token no door but the GUI's, health and signing in answers, whatever origin is claimed."""
    port = urlsplit(network.url).port
    assert network.request("GET", door)[0] == 401
    claims = {"Origin": f"http://{NAME}:{port}", "Host": f"{NAME}:{port}"}
    if door in TO_SIGNED_IN:
        assert network.request("GET", door, headers=claims)[0] == 401
        assert network.request("GET", door, headers={"Authorization": "Bearer x"})[0] == 401
    for foreign in (f"http://{NAME}.evil.example", "null", "http://127.0.0.1.evil.example", f"http://{NAME}"):
        assert network.request("GET", door, headers={**claims, "Origin": foreign})[0] == 403
    for host in ("evil.example", f"{NAME}.evil.example", "127.0.0.1.nip.io", "", f"{NAME}@evil.example"):
        assert network.request("GET", door, headers={"Host": host})[0] in (400, 403)


def test_who_signed_in_gets_in(network: Daemon) -> None:
    """The same doors answer somebody who is signed in; the GUI and health answer anybody."""
    owner = Client(network, "owner@example.com")
    for door in ("/boards", "/users", "/events", "/config"):
        assert owner.request("GET", door)[0] == 200, door
    assert network.request("GET", "/health")[0] == 200


def test_many_silent_connections_do_not_lock_others_out(
    network: Daemon, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A daemon started where few files may be open still answers, and stores, beside hundreds of idle connections."""
    folder = tmp_path_factory.mktemp("few-files")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (128, hard))
    try:
        starting = running_daemon(folder, environment=clean_environment(folder / "home"))
        daemon = starting.__enter__()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    address = urlsplit(daemon.url)
    silent = [socket.create_connection((address.hostname, address.port)) for _ in range(300)]
    try:
        assert daemon.call("POST", "/boards", {"name": "still here"})["name"] == "still here"
        for half in silent[:50]:
            half.sendall(b"POST /boards HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{")
        assert daemon.call("GET", "/boards?slug=still-here")["total"] == 1
    finally:
        for one in silent:
            one.close()
        starting.__exit__(None, None, None)
