"""The files of the GUI, as the daemon serves them."""

from __future__ import annotations

import shutil
from pathlib import Path

import aiohttp
from aiohttp import web

from agor_daemon.gui import gui_routes


async def test_a_page_is_of_one_build_while_the_installation_is_replaced(tmp_path: Path) -> None:
    """What was there when the daemon started is served whole, though an upgrade has taken its files away since."""
    folder = tmp_path / "gui"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<script src=/assets/a-1.js></script>")
    (folder / "assets" / "a-1.js").write_text("old")
    app = web.Application()
    app.add_routes(gui_routes(folder))
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    shutil.rmtree(folder)
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<script src=/assets/a-2.js></script>")
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        async with aiohttp.ClientSession() as client:
            async with client.get(f"{url}/") as answer:
                assert "a-1.js" in await answer.text()
                assert answer.headers["Cache-Control"] == "no-cache"
            async with client.get(f"{url}/assets/a-1.js") as answer:
                assert await answer.text() == "old"
                assert answer.content_type == "text/javascript"
    finally:
        await runner.cleanup()
