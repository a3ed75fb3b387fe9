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
TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".png": "image/png",
}
# File names under /assets/ carry a digest of their content.
ASSET_HEADERS = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}

NOT_BUILT = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Agor</title>
<body><h1>Agor is running</h1><p>This copy was installed without its GUI: <code>pip install .</code> in the checkout
builds it. The command line works without; see <code>agor --help</code>.</p></body></html>"""


def gui_routes(folder: Path = FOLDER) -> list[web.RouteDef]:
    """Routes of the GUI in `folder`; where it was never built, a page that says so."""
    index = folder / "index.html"
    # Read once, a megabyte in all: an installation that is replaced while the daemon runs takes its files away, and a
    # page of one build with parts of another stays blank. Nor is anything else served, whatever a path says.
    index_bytes = index.read_bytes() if index.is_file() else NOT_BUILT.encode()
    assets = {
        path.name: (path.read_bytes(), _type_of(path)) for path in (folder / "assets").glob("*") if path.is_file()
    }

    async def page(request: web.Request) -> web.StreamResponse:
        return web.Response(body=index_bytes, content_type="text/html", charset="utf-8", headers=PAGE_HEADERS)

    async def asset(request: web.Request) -> web.StreamResponse:
        found = assets.get(request.match_info["file"])
        if found is None:
            raise NotFound(f"no file {request.path}")
        body, content_type = found
        return web.Response(body=body, headers={**ASSET_HEADERS, "Content-Type": content_type})

    return [web.get("/", page), web.get("/assets/{file:.+}", asset)]


def _type_of(path: Path) -> str:
    # Not what the machine says of endings: some say text/plain of scripts, which browsers then refuse.
    return TYPES.get(path.suffix, "application/octet-stream")
