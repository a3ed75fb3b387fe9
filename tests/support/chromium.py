"""A real Chromium: the one on the PATH, else Debian's."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess

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


@functools.cache
def find_chromium() -> tuple[str | None, str]:
    """(path, ""), or (None, the reason why there is none). As root on Debian, what is missing is installed."""
    if (found := _on_path()) is not None:
        return found, ""
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        return None, "no Chromium on the PATH, and only root on a Debian system can install it here"
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "chromium"]):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=600)
        if done.returncode != 0:
            return None, f"{' '.join(command)}: {done.stderr.strip()[-300:]}"
    return _on_path(), "chromium was installed, but is not on the PATH"


def _on_path() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)
