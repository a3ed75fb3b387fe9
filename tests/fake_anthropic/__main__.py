"""Serves a script until interrupted, and prints the environment that leads the CLI to it."""

from __future__ import annotations

import argparse
import asyncio
import contextlib

from tests.fake_anthropic import FakeAnthropic, Script


async def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m tests.fake_anthropic", description="a scripted Messages API")
    parser.add_argument("script", nargs="?", help="YAML or JSON; without one every answer is `ok`")
    parser.add_argument("--port", type=int, default=0)
    arguments = parser.parse_args()
    script = Script.load(arguments.script) if arguments.script else Script({})
    async with FakeAnthropic(script, port=arguments.port) as fake:
        for name, value in fake.environment().items():
            print(f"export {name}={value}", flush=True)
        await asyncio.Event().wait()


with contextlib.suppress(KeyboardInterrupt):
    asyncio.run(main())
