"""Programs that come as packages of Debian: what is on the PATH, else installed there."""

from __future__ import annotations

import fcntl
import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

INSTALL_LIMIT_S = 900
# Servers are programs for root, and root's folders are not on everybody's PATH.
PLACES = f"{os.environ.get('PATH', os.defpath)}{os.pathsep}/usr/sbin"


@functools.cache
def find_program(package: str, *names: str) -> tuple[str | None, str]:
    """(path, ""), or (None, the reason why there is none). As root on Debian, what is missing is installed.

    `names`: what the program may be called, if not as its package.
    """
    names = names or (package,)
    if (found := _found(names)) is not None:
        return found, ""
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        return None, f"no {package} on the PATH, and only root on a Debian system can install it here"
    # Several test processes may come here at once, and apt takes one at a time.
    with Path(tempfile.gettempdir(), "agor-tests-apt.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (found := _found(names)) is not None:
            return found, ""
        return _install(package, names)


def _install(package: str, names: tuple[str, ...]) -> tuple[str | None, str]:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", package]):
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
    return _found(names), f"{package} was installed, but is not on the PATH"


def _found(names: tuple[str, ...]) -> str | None:
    return next(filter(None, (shutil.which(name, path=PLACES) for name in names)), None)
