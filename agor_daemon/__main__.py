"""`python -m agor_daemon`: the daemon in the foreground."""

from __future__ import annotations

import argparse
import asyncio
import gc
import sys
from pathlib import Path

import uvloop

from agor_core.config import load_settings
from agor_core.errors import AgorError
from agor_daemon import __version__


def main(argv: list[str] | None = None) -> int:
    """Run until told to stop. 0 after a stop; 1, with one line on stderr, when it cannot start."""
    parser = argparse.ArgumentParser(prog="python -m agor_daemon", description="The Agor daemon, in the foreground.")
    parser.add_argument("--home", type=Path, help="where data and configuration live (default: AGOR_HOME or ~/.agor)")
    parser.add_argument("--host", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on; 0 takes a free one (default: 3030)")
    parser.add_argument("--version", action="version", version=__version__)
    options = parser.parse_args(argv)
    flags = {"daemon.host": options.host, "daemon.port": options.port}
    try:
        settings = load_settings(options.home, flags={key: value for key, value in flags.items() if value is not None})
        gc.disable()  # nothing that start-up makes is garbage, and looking for it takes a tenth of the time
        from agor_daemon.lifespan import serve  # what it imports takes a second; a bad flag should not

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(settings))
    except AgorError as error:
        print(f"agor: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
