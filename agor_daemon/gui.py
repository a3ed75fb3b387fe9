"""The built GUI: its page at `/`, its files under `/assets/`."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler

FOLDER = Path(__file__).with_name("gui")

# Scripts and connections come from this daemon alone. Component styles set inline style attributes, hence the exception.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)

PAGE_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cache-Control": "no-cache",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
# File names under /assets/ carry a digest of their content.
ASSET_HEADERS = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}

NOT_BUILT = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Agor</title>
<body><h1>Agor is running</h1><p>This copy was installed without its GUI. <code>pip install .</code> in the checkout builds it;
<code>agor --help</code> works without.</p></body></html>"""


def gui_routes(folder: Path = FOLDER) -> list[web.RouteDef]:
    """Routes of the GUI in `folder`; where it was never built, a page that says so."""
    return [web.get("/", _page(folder)), web.get("/assets/{file:.+}", _asset(folder / "assets"))]


def _page(folder: Path) -> Handler:
    async def page(request: web.Request) -> web.StreamResponse:
        index = folder / "index.html"
        if not index.is_file():
            return web.Response(text=NOT_BUILT, content_type="text/html", headers=PAGE_HEADERS)
        return web.FileResponse(index, headers=PAGE_HEADERS)

    return page


def _asset(folder: Path) -> Handler:
    async def asset(request: web.Request) -> web.StreamResponse:
        file = (folder / request.match_info["file"]).resolve()
        if not file.is_relative_to(folder.resolve()) or not file.is_file():
            return web.json_response(
                {"name": "NotFound", "message": f"no file {request.path}", "code": 404, "className": "not-found"},
                status=404,
            )
        return web.FileResponse(file, headers=ASSET_HEADERS)

    return asset
