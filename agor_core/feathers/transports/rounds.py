"""When it is looked who took too long."""

from __future__ import annotations

import asyncio
import time


async def next_round(pause_s: float) -> float:
    """Sleep until connections are to be looked at again; the present of `time.monotonic`.

    Whoever comes late itself, because the process or the whole machine stood still, sleeps once more: what was sent
    meanwhile lies unread, and clients that stood still with it had no time either.
    """
    due_at = time.monotonic() + pause_s
    await asyncio.sleep(pause_s)
    if time.monotonic() - due_at > pause_s / 2:
        await asyncio.sleep(pause_s)
    return time.monotonic()
