"""What anybody may take of a daemon is configured, and behind a reverse proxy counts for each client by itself."""

from __future__ import annotations

from pathlib import Path
from urllib.request import Request, urlopen

from tests.support.daemon import Daemon, clean_environment, running_daemon
from tests.support.team import Client, make_user

OWNER = "owner@example.com"


def guesses(daemon: Daemon, forwarded: str, times: int) -> list[int]:
    """The statuses of sign-ins with a wrong password, `{}` in what is forwarded standing for the number of each."""
    data = {"strategy": "local", "email": OWNER, "password": "wrong"}
    return [
        daemon.request("POST", "/authentication", data, headers={"X-Forwarded-For": forwarded.format(number)})[0]
        for number in range(times)
    ]


def test_the_limits_and_proxies_of_the_configuration_are_in_force(tmp_path: Path) -> None:
    """A trusted proxy's clients fail to sign in each for itself, whatever they claim; a limit that is set is in
    force; what was refused is in the metrics and the log; all of it is in the settings that are shown."""
    environment = clean_environment(tmp_path / "home") | {
        "AGOR_DAEMON_REQUIRE_AUTH": "true",
        "AGOR_DAEMON_TRUSTED_PROXIES": "127.0.0.0/8",
        "AGOR_LIMITS_STRANGER_BODY_BYTES": "2048",
        "AGOR_LIMITS_JSON_CONTAINERS": "1000",
    }
    make_user(environment, OWNER)
    with running_daemon(tmp_path, environment=environment) as daemon:
        assert guesses(daemon, "192.0.2.{}, 198.51.100.1", 12) == [401] * 10 + [429] * 2
        owner = Client(daemon, OWNER)
        shown = {one["key"]: one["value"] for one in owner.call("GET", "/config")}
        assert shown["daemon.trusted_proxies"] == ["127.0.0.0/8"]
        assert (shown["limits.stranger_body_bytes"], shown["limits.stranger_connections"]) == (2048, 256)
        long = {"name": "A board", "description": "x" * 3000}
        assert daemon.request("POST", "/authentication", long, headers={"X-Forwarded-For": "203.0.113.9"})[0] == 401
        assert owner.request("POST", "/boards", long)[0] == 201
        refused = [owner.request("POST", "/boards", {"lists": [[]] * count})[1]["message"] for count in (998, 999)]
        assert "more than 1000 lists and objects" not in refused[0]
        assert refused[1] == "JSON has more than 1000 lists and objects"
        assert owner.request("PATCH", "/config/daemon.trusted_proxies", {"value": []})[0] == 403
        assert daemon.request("GET", "/metrics")[0] == 401
        request = Request(daemon.url + "/metrics", headers={"Authorization": f"Bearer {owner.token}"})
        with urlopen(request) as answer:
            assert b'feathers_refused_total{reason="stranger_body"} 1\n' in answer.read()
        assert "refused 203.0.113.9: too much was sent" in daemon.log
