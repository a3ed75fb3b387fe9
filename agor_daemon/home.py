"""The daemon's home directory: who holds it, and where others find the daemon that does."""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agor_core.errors import ConfigError
from agor_core.files import why, write_whole
from agor_core.processes import own_mark

log = logging.getLogger(__name__)

LOCK_FILE = "daemon.lock"
FACTS_FILE = "daemon.json"
LOG_FILE = "daemon.log"
# What a daemon cannot start without, nor say why: its log, where it is, and what a database needs to be opened.
LEAST_ROOM_BYTES = 256 * 1024
RELOAD = signal.SIGUSR1
"""The signal that makes a daemon read its settings again."""


class HomeInUse(ConfigError):
    """Another daemon holds this home; `pid` is its process, None if it could not be read."""

    def __init__(self, home: Path, pid: int | None) -> None:
        super().__init__(f"a daemon already runs on {home} (pid {pid or 'unknown'}); `agor daemon stop` ends it")
        self.pid = pid


def prepare(home: Path, *, room_bytes: int = 0) -> None:
    """Make the home, readable by its owner only. Raises ConfigError if it cannot be written, or has no more room."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        home.chmod(0o700)
        probe = home / f".write-test-{os.getpid()}"
        try:
            probe.write_bytes(bytes(room_bytes))
        finally:
            probe.unlink(missing_ok=True)
    except OSError as error:
        advice = "set AGOR_HOME to a directory of yours, or fix its owner"
        raise ConfigError(f"cannot write to {home}: {why(error, advice)}") from error


@contextlib.contextmanager
def held(home: Path) -> Iterator[str]:
    """Hold `home` for this process. The lock goes with the process, however it ends. Raises HomeInUse.

    What comes is the mark (see `own_mark`) of who held it before, as far as that is known.
    """
    descriptor = os.open(home / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise HomeInUse(home, _pid_in(descriptor)) from None
        before = _lines_in(descriptor)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n{own_mark()}\n".encode(), 0)
        yield before[1] if len(before) > 1 else ""
    finally:
        os.close(descriptor)


def holder(home: Path) -> int | None:
    """The pid of the daemon that holds `home`; None if none does."""
    try:
        descriptor = os.open(home / LOCK_FILE, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return _pid_in(descriptor)
    finally:
        os.close(descriptor)
    return None


class Announcement:
    """What `daemon.json` says of this daemon."""

    def __init__(self, home: Path, facts: dict[str, Any]) -> None:
        self.path = home / FACTS_FILE
        self._facts = {**facts, "reloads": 0, "reload_error": None}
        self._write()

    def reloaded(self, error: str | None) -> None:
        """Say that the settings were read once more, and with what `error` if they could not be used."""
        self._facts |= {"reloads": self._facts["reloads"] + 1, "reload_error": error}
        try:
            self._write()
        except OSError as problem:
            log.warning("cannot say that the settings were read again: %s", why(problem))

    def _write(self) -> None:
        write_whole(self.path, json.dumps(self._facts))


@contextlib.contextmanager
def announced(home: Path, facts: dict[str, Any]) -> Iterator[Announcement]:
    """Say in `daemon.json` where this daemon is, as long as it runs."""
    announcement = Announcement(home, facts)
    try:
        yield announcement
    finally:
        announcement.path.unlink(missing_ok=True)


def read_facts(home: Path) -> dict[str, Any] | None:
    """What `daemon.json` says, or None. It may be left over from a daemon that was killed: ask `holder` too."""
    try:
        facts = json.loads((home / FACTS_FILE).read_text())
    except (OSError, ValueError):
        return None
    return facts if isinstance(facts, dict) else None


def _pid_in(descriptor: int) -> int | None:
    lines = _lines_in(descriptor)
    return int(lines[0]) if lines and lines[0].isdigit() else None


def _lines_in(descriptor: int) -> list[str]:
    """The number of the process that holds it, and its mark."""
    return os.pread(descriptor, 256, 0).decode(errors="replace").splitlines()
