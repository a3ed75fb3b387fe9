"""A real Chromium: the one on the PATH, else Debian's."""

from __future__ import annotations

from tests.support.debian import find_program

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""For running as root, and without a try to reach anything but the daemon."""


def find_chromium() -> tuple[str | None, str]:
    """(path, ""), or (None, the reason why there is none). As root on Debian, what is missing is installed."""
    return find_program("chromium", *NAMES)
