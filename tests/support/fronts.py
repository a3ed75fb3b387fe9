"""A daemon behind a real reverse proxy that speaks TLS for it, both set up as the README says, word for word."""

from __future__ import annotations

import os
import re
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import trustme

from agor_core.config import environment_name
from tests.support.daemon import Daemon, running_daemon
from tests.support.debian import find_server
from tests.support.ports import kept_port
from tests.support.team import make_user

README = Path(__file__).parents[2] / "README.md"
PROXIES = ("nginx", "caddy")
NAME = "agor.example"
OWNER = "owner@example.com"
START_LIMIT_S = 60
STOP_LIMIT_S = 60

# The least that a system's own configuration says around the README's.
NGINX = """
{user}
daemon off;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{}}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {snippet}
}}
"""
CADDY = """
{{
    admin off
    auto_https disable_redirects
    skip_install_trust
    storage file_system {folder}/storage
}}
{snippet}
"""


@dataclass
class Front:
    """A proxy in front of a daemon, and where it listens."""

    proxy: str
    port: int
    authority: Path
    """The certificate of who signed that of the proxy."""
    start: Callable[[], Daemon] = field(repr=False)
    """Start the daemon behind it, also once more when it has ended."""

    def __post_init__(self) -> None:
        self.daemon = self.start()

    @property
    def url(self) -> str:
        """Where the daemon is, for whoever takes `NAME` for this machine."""
        return f"https://{NAME}:{self.port}"

    @property
    def tls(self) -> ssl.SSLContext:
        """What trusts it."""
        return ssl.create_default_context(cafile=str(self.authority))


def documented(language: str) -> str:
    """What the README has in its one block of that language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)
    return str(found)


def settings() -> dict[str, str]:
    """What the README says that a daemon behind a proxy needs, as environment variables."""
    said = re.findall(r"^agor config set (daemon\.\S+) (\S+)", README.read_text(), re.MULTILINE)
    assert len(said) == 4
    return {environment_name(key): value for key, value in said}


@contextmanager
def running_front(proxy: str, folder: Path, environment: dict[str, str]) -> Iterator[Front]:
    """A daemon with its home in `folder`, and `proxy` in front of it. Raises LookupError where there is none."""
    program, reason = find_server(proxy)
    if program is None:
        raise LookupError(reason)
    environment |= settings()
    make_user(environment, OWNER)
    with ExitStack() as stack:
        port, daemon_port = stack.enter_context(kept_port()), stack.enter_context(kept_port())

        def start() -> Daemon:
            return stack.enter_context(running_daemon(folder, f"--port={daemon_port}", environment=environment))

        place = folder / proxy
        place.mkdir()
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(place / "authority.pem"))
        authority.issue_cert(NAME, "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(place / "both.pem"))
        command = _command(proxy, program, place, port, daemon_port)
        with (place / "output.log").open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output, env=_environment(place), cwd=place)
        try:
            _until_it_listens(process, port, place)
            yield Front(proxy, port, place / "authority.pem", start)
        finally:
            process.terminate()
            process.wait(STOP_LIMIT_S)


def _command(proxy: str, program: str, place: Path, port: int, daemon_port: int) -> list[str]:
    both = place / "both.pem"
    said = _replaced(documented(proxy), "127.0.0.1:3030", f"127.0.0.1:{daemon_port}")
    if proxy == "nginx":
        said = _replaced(said, "listen 443 ssl", f"listen 127.0.0.1:{port} ssl")
        said, replaced = re.subn(r"(ssl_certificate(?:_key)?) +\S+;", rf"\1 {both};", said)
        assert replaced == 2
        user = "user root;" if os.geteuid() == 0 else ""
        (place / "nginx.conf").write_text(NGINX.format(user=user, folder=place, snippet=said))
        return [program, "-p", str(place), "-c", str(place / "nginx.conf"), "-e", "stderr"]
    said = _replaced(said, f"{NAME} {{", f"{NAME}:{port} {{\n    bind 127.0.0.1\n    tls {both} {both}")
    (place / "Caddyfile").write_text(CADDY.format(folder=place, snippet=said))
    return [program, "run", "--config", str(place / "Caddyfile"), "--adapter", "caddyfile"]


def _replaced(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1, f"{old} is in {text}"
    return text.replace(old, new)


def _environment(place: Path) -> dict[str, str]:
    return {**os.environ, "HOME": str(place), "XDG_DATA_HOME": str(place), "XDG_CONFIG_HOME": str(place)}


def _until_it_listens(process: subprocess.Popen[bytes], port: int, place: Path) -> None:
    give_up_at = time.monotonic() + START_LIMIT_S
    while time.monotonic() < give_up_at and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError(f"the proxy did not start: {(place / 'output.log').read_text()}")
