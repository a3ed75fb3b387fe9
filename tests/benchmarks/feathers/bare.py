"""The least a request can cost on aiohttp: `python -m tests.benchmarks.feathers.bare PORT`.

It knows no service, no hooks, no query and no limits: aiohttp as it comes, and handlers that read and write the JSON of
ours, on the same event loop, and keep what is created, as ours does.
"""

from __future__ import annotations

import sys
from typing import Any

import orjson
import uvloop
from aiohttp import web

from tests.benchmarks.feathers.serving import serve

JSON_TYPE = {"Content-Type": "application/json; charset=utf-8"}


class Records:
    """Records by number, and the four things that are measured."""

    def __init__(self) -> None:
        self._records: list[dict[str, Any]] = [{}]

    async def get(self, request: web.Request) -> web.Response:
        """One record."""
        return _answer(self._records[int(request.match_info["id"])])

    async def find(self, request: web.Request) -> web.Response:
        """A page, as long as is asked for."""
        kind, limit = request.query["kind"], int(request.query["$limit"])
        found = [record for record in self._records if record.get("kind") == kind]
        return _answer({"total": len(found), "limit": limit, "skip": 0, "data": found[:limit]})

    async def create(self, request: web.Request) -> web.Response:
        """A record, with its number."""
        record = orjson.loads(await request.read())
        record["id"] = len(self._records)
        self._records.append(record)
        return _answer(record, 201)

    async def patch(self, request: web.Request) -> web.Response:
        """A record, changed."""
        record = self._records[int(request.match_info["id"])]
        record.update(orjson.loads(await request.read()))
        return _answer(record)


def _answer(value: Any, status: int = 200) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(value), headers=JSON_TYPE)


async def main(port: int) -> None:
    """Serve for ever."""
    site = web.Application()
    for path in ("people", "notes"):
        records = Records()
        site.router.add_get(f"/{path}/{{id}}", records.get)
        site.router.add_get(f"/{path}", records.find)
        site.router.add_post(f"/{path}", records.create)
        site.router.add_patch(f"/{path}/{{id}}", records.patch)
    await serve(web.AppRunner(site, access_log=None), port)


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
