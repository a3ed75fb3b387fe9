"""Plain calls to a daemon over REST, on the standard library."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from agor_core.client.wire import decoded, error_from, query_string, segment
from agor_core.errors import BadRequest, Timeout, Unavailable

Record = dict[str, Any]
"""A record as it travels: its columns and its data, merged."""

CONNECT_TIMEOUT_S = 10.0
# Removing a large worktree after a snapshot, or a fetch before a new one, takes its time.
ANSWER_TIMEOUT_S = 300.0
# The daemon closes an idle connection after 75 s; a call must not race with that.
REUSE_WITHIN_S = 15.0


class DaemonUnreachable(Unavailable):
    """503: nobody answers at that address."""

    def __init__(self, url: str, reason: str = "") -> None:
        because = f" ({reason})" if reason else ""
        # Port 0 is what the settings say: which one it will be, a daemon knows once it runs.
        where = "no daemon runs" if url.endswith(":0") else f"no daemon answers at {url}{because}"
        super().__init__(f"{where}; start it with `agor up`", url=url)


class Client:
    """A connection to the daemon at `url`, kept between calls. One thread at a time.

    Errors are those of `agor_core.errors`, as the daemon raised them; `DaemonUnreachable` if nobody answers.
    """

    def __init__(self, url: str, token: str | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadRequest(f"not the address of a daemon: {url!r}; it looks like http://127.0.0.1:3030")
        self.url = url.rstrip("/")
        self.token = token
        self._base = parts.path.rstrip("/")
        self._address = (parts.hostname, parts.port or (443 if parts.scheme == "https" else 80))
        self._is_tls = parts.scheme == "https"
        self._connection: HTTPConnection | None = None
        self._last_used = 0.0

    def service(self, path: str) -> Service:
        """The service at `path`; also one nested below a record, like `sessions/<id>/genealogy`."""
        return Service(self, path)

    def request(self, method: str, path: str, body: Any = None) -> Any:
        """The decoded answer to one call; `path` begins with a slash."""
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        payload = None if body is None else json.dumps(body).encode()
        connection = self._connected()
        try:
            connection.request(method, self._base + path, payload, headers)
            answer = connection.getresponse()
            content = answer.read()
        except TimeoutError as error:
            self.close()
            raise Timeout(f"the daemon at {self.url} did not answer within {ANSWER_TIMEOUT_S:.0f} s") from error
        except (OSError, HTTPException) as error:
            self.close()
            raise DaemonUnreachable(self.url, "the connection broke off") from error
        self._last_used = time.monotonic()
        try:
            result = decoded(content)
        except ValueError:
            self.close()
            raise DaemonUnreachable(self.url, "what answers there is not Agor") from None
        if answer.status >= 400:
            raise error_from(result, answer.status)
        return result

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _connected(self) -> HTTPConnection:
        if self._connection is not None and time.monotonic() - self._last_used < REUSE_WITHIN_S:
            return self._connection
        self.close()
        host, port = self._address
        connection = (
            HTTPSConnection(host, port, timeout=CONNECT_TIMEOUT_S, context=ssl.create_default_context())
            if self._is_tls
            else HTTPConnection(host, port, timeout=CONNECT_TIMEOUT_S)
        )
        try:
            connection.connect()
        except OSError as error:
            reason = "" if isinstance(error, ConnectionRefusedError) else error.strerror or "timed out"
            raise DaemonUnreachable(self.url, reason) from error
        connection.sock.settimeout(ANSWER_TIMEOUT_S)
        self._connection = connection
        return connection


class Service:
    """One service of a daemon: the six standard methods, and `call` and `read` for the others."""

    def __init__(self, client: Client, path: str) -> None:
        self._client = client
        self.path = path.strip("/")

    def find(self, query: Mapping[str, Any] | None = None) -> Any:
        """A page `{total, limit, skip, data}`, or what the service answers instead."""
        return self._client.request("GET", f"/{self.path}{query_string(query)}")

    def get(self, id: str, query: Mapping[str, Any] | None = None) -> Any:
        """One record."""
        return self._client.request("GET", f"/{self.path}/{segment(id)}{query_string(query)}")

    def create(self, data: Any, query: Mapping[str, Any] | None = None) -> Any:
        """The new record."""
        return self._client.request("POST", f"/{self.path}{query_string(query)}", data)

    def update(self, id: str, data: Any, query: Mapping[str, Any] | None = None) -> Any:
        """The record, replaced."""
        return self._client.request("PUT", f"/{self.path}/{segment(id)}{query_string(query)}", data)

    def patch(self, id: str, data: Any, query: Mapping[str, Any] | None = None) -> Any:
        """The record, with the fields in `data` changed."""
        return self._client.request("PATCH", f"/{self.path}/{segment(id)}{query_string(query)}", data)

    def remove(self, id: str, query: Mapping[str, Any] | None = None) -> Any:
        """The record that was."""
        return self._client.request("DELETE", f"/{self.path}/{segment(id)}{query_string(query)}")

    def call(self, method: str, id: str | None = None, data: Any = None) -> Any:
        """A custom method, on the record `id` or, without one, on the collection."""
        target = f"{segment(id)}/{method}" if id is not None else method
        return self._client.request("POST", f"/{self.path}/{target}", {} if data is None else data)

    def read(self, method: str, id: str, query: Mapping[str, Any] | None = None) -> Any:
        """A custom method that only reads, on the record `id`."""
        return self._client.request("GET", f"/{self.path}/{segment(id)}/{method}{query_string(query)}")
