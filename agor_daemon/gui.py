"""The built GUI: its page at `/`, its files under `/assets/`."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from agor_core.errors import NotFound

FOLDER = Path(__file__).with_name("gui")

# Scripts and connections come from this daemon alone. Components set style attributes, hence the one exception.
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
<body><h1>Agor is running</h1><p>This copy was installed without its GUI: <code>pip install .</code> in the checkout
builds it. The command line works without; see <code>agor --help</code>.</p></body></html>"""


def gui_routes(folder: Path = FOLDER) -> list[web.RouteDef]:
    """Routes of the GUI in `folder`; where it was never built, a page that says so."""
    index = folder / "index.html"
    # Looked up once: the set of files that may be served is what was there at the start, whatever a path says.
    assets = {path.name: path for path in (folder / "assets").glob("*") if path.is_file()}
    is_built = index.is_file()

    async def page(request: web.Request) -> web.StreamResponse:
        if not is_built:
            return web.Response(text=NOT_BUILT, content_type="text/html", headers=PAGE_HEADERS)
        return web.FileResponse(index, headers=PAGE_HEADERS)

    async def asset(request: web.Request) -> web.StreamResponse:
        found = assets.get(request.match_info["file"])
        if found is None:
            raise NotFound(f"no file {request.path}")
        return web.FileResponse(found, headers=ASSET_HEADERS)

    return [web.get("/", page), web.get("/assets/{file:.+}", asset)]
