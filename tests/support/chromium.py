"""A real Chromium: the one on the PATH, else Debian's."""

from __future__ import annotations

import fcntl
import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
INSTALL_LIMIT_S = 900
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
    # Several test processes may come here at once, and apt takes one at a time.
    with Path(tempfile.gettempdir(), "agor-tests-chromium.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (found := _on_path()) is not None:
            return found, ""
        return _install()


def _install() -> tuple[str | None, str]:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "chromium"]):
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=INSTALL_LIMIT_S,
        )
        if done.returncode != 0:
            return None, f"{' '.join(command)}: {done.stderr.strip()[-300:]}"
    return _on_path(), "chromium was installed, but is not on the PATH"


def _on_path() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)
