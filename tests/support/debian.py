"""Programs that come as packages of Debian: what is on the PATH, else installed there; servers are only unpacked."""

from __future__ import annotations

import fcntl
import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

INSTALL_LIMIT_S = 900
# Servers are programs for root, and root's folders are not on everybody's PATH.
PLACES = f"{os.environ.get('PATH', os.defpath)}{os.pathsep}/usr/sbin"
UNPACKED = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "agor-tests")

Found = tuple[str | None, str]
"""(path, ""), or (None, the reason why there is none)."""


@functools.cache
def find_program(package: str, *names: str) -> Found:
    """A program. As root on Debian, what is missing is installed.

    `names`: what the program may be called, if not as its package.
    """
    return _found_or_got(names or (package,), lambda: _installed(package, names or (package,)))


@functools.cache
def find_server(package: str) -> Found:
    """A server, called as its package. As root on Debian, what is missing is unpacked into a folder of the tests' own.

    Installing it would start it as a service of the system, now and whenever that starts.
    """
    return _found_or_got((package,), lambda: _unpacked(package))


def _found_or_got(names: tuple[str, ...], get: Callable[[], Found]) -> Found:
    if (found := _found(names)) is not None:
        return found, ""
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        return None, f"no {names[0]} on the PATH, and only root on a Debian system can get it here"
    with _alone():
        found = _found(names)
        return (found, "") if found is not None else get()


@contextmanager
def _alone() -> Iterator[None]:
    """Several test processes may come here at once, and apt takes one at a time."""
    with Path(tempfile.gettempdir(), "agor-tests-apt.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _installed(package: str, names: tuple[str, ...]) -> Found:
    try:
        _apt("update", "-qq")
        _apt("install", "-y", "-qq", package)
    except OSError as error:
        return None, str(error)
    return _found(names), f"{package} was installed, but is not on the PATH"


def _unpacked(package: str) -> Found:
    """What the package holds, and those it needs that are not installed; none of their scripts is run."""
    place = UNPACKED / package
    if not (place / "run").exists():
        shutil.rmtree(place, ignore_errors=True)
        (archives := place / "archives").mkdir(parents=True)
        try:
            _apt("update", "-qq")
            options = (f"Dir::Cache::archives={archives}", "APT::Sandbox::User=root")
            _apt("install", "-y", "-qq", "--download-only", *(f"--option={option}" for option in options), package)
            for archive in archives.glob("*.deb"):
                _run("dpkg-deb", "--extract", str(archive), str(place))
        except OSError as error:
            return None, str(error)
        shutil.rmtree(archives)
        program = _found((package,), os.pathsep.join(str(place / folder) for folder in ("usr/bin", "usr/sbin")))
        if program is None:
            return None, f"{package} was unpacked, but there is no program in it"
        libraries = ":".join(map(str, place.glob("**/lib/*-linux-gnu")))
        where = f"LD_LIBRARY_PATH='{libraries}' " if libraries else ""
        (place / "wrapper").write_text(f"#!/bin/sh\n{where}exec '{program}' \"$@\"\n")
        (place / "wrapper").chmod(0o700)
        (place / "wrapper").rename(place / "run")  # there once all else is
    return str(place / "run"), ""


def _apt(*arguments: str) -> None:
    _run("apt-get", *arguments)


def _run(*command: str) -> None:
    """Raises OSError with what the program said if it fails."""
    done = subprocess.run(
        command,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=INSTALL_LIMIT_S,
    )
    if done.returncode != 0:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()[-300:]}")


def _found(names: tuple[str, ...], places: str = PLACES) -> str | None:
    return next(filter(None, (shutil.which(name, path=places) for name in names)), None)
