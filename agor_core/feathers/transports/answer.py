"""The answer to a request, written in one piece."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import HttpVersion11, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.helpers import rfc822_formatted_time
from aiohttp.http import SERVER_SOFTWARE
from typing_extensions import override

_WITHOUT_BODY = (204, 205, 304)
_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}"
    for status in HTTPStatus
    if status >= HTTPStatus.OK and status not in _WITHOUT_BODY
}


class Answer(web.Response):
    """A response whose body is there: where a connection stays open, as most do, it leaves without aiohttp's steps.

    What it says is what aiohttp would have said.
    """

    _writer: AbstractStreamWriter | None = None

    @property
    @override
    def keep_alive(self) -> bool | None:
        return True if self._writer is not None else super().keep_alive

    @override
    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        is_usual = request.version == HttpVersion11 and request.method != "HEAD" and request.keep_alive
        if not is_usual or not isinstance(self.body, bytes) or self.status not in _LINES:
            return await super().prepare(request)
        self._writer = request.writer
        return self._writer

    @override
    async def write_eof(self, data: bytes = b"") -> None:
        writer, body = self._writer, self.body
        if writer is None or not isinstance(body, bytes):
            await super().write_eof(data)
            return
        headers = self.headers
        headers["Content-Length"] = str(len(body))
        headers.setdefault("Date", rfc822_formatted_time())
        headers.setdefault("Server", SERVER_SOFTWARE)
        await writer.write_headers(_LINES[self.status], headers)
        await writer.write_eof(body)
