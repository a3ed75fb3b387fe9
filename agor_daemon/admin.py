"""`python -m agor_daemon.admin <command>`: what must work without a running daemon, for the CLI.

Prints JSON lines: `{"event": "progress", "text", "done"?, "total"?}` as often as it likes, then one
`{"event": "result", …}` with exit code 0, or one `{"event": "error", "message"}` with exit code 1.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO

from agor_core.config import Settings, load_settings
from agor_core.errors import AgorError, BadRequest, Conflict, Unavailable
from agor_core.files import why
from agor_daemon import home as daemon_home

START_LIMIT_S = 60.0
"""A first start makes the database; an upgrade may copy a large one before."""
STOP_LIMIT_S = 30.0
RELOAD_LIMIT_S = 10.0
POLL_S = 0.05


def say(event: str, **facts: Any) -> None:
    """One line for the program that called."""
    print(json.dumps({"event": event, **facts}), flush=True)


def start(settings: Settings, options: argparse.Namespace) -> None:
    """Start the daemon in the background and wait until it answers; one that runs already is fine too."""
    daemon_home.prepare(settings.home, room_bytes=daemon_home.LEAST_ROOM_BYTES)
    if (pid := daemon_home.holder(settings.home)) is not None:
        facts = _wait_for_facts(settings.home, lambda: daemon_home.holder(settings.home) is not None)
        say("result", url=facts["url"], pid=facts.get("pid", pid), version=facts.get("version"), already_running=True)
        return
    flags = [f"--{name}={value}" for name in ("host", "port") if (value := getattr(options, name)) is not None]
    log_path = settings.home / daemon_home.LOG_FILE
    log_path.touch(mode=0o600)
    begins_at = log_path.stat().st_size
    with log_path.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "agor_daemon", f"--home={settings.home}", *flags],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd=settings.home,
        )
    say("progress", text="starting the daemon")
    try:
        facts = _wait_for_facts(settings.home, lambda: process.poll() is None)
    except Unavailable as error:
        raise Unavailable(_last_words(log_path, begins_at) or str(error)) from error
    say("result", url=facts["url"], pid=facts["pid"], version=facts.get("version"), already_running=False)


def stop(settings: Settings, options: argparse.Namespace) -> None:
    """Ask the daemon to end, and wait until it has."""
    pid = daemon_home.holder(settings.home)
    if pid is None:
        say("result", was_running=False)
        return
    os.kill(pid, signal.SIGTERM)
    say("progress", text=f"stopping the daemon (pid {pid})")
    give_up_at = time.monotonic() + STOP_LIMIT_S
    while daemon_home.holder(settings.home) is not None:
        if time.monotonic() > give_up_at:
            raise Unavailable(f"the daemon (pid {pid}) did not stop within {STOP_LIMIT_S:.0f} s; see its log")
        time.sleep(POLL_S)
    say("result", was_running=True, pid=pid)


def reload(settings: Settings, options: argparse.Namespace) -> None:
    """Let a running daemon read its settings again, and wait until it has."""
    pid = daemon_home.holder(settings.home)
    facts = daemon_home.read_facts(settings.home) if pid is not None else None
    if facts is None or facts.get("pid") != pid or "reloads" not in facts:
        # None runs; or one that is just starting, and reads them; or one of a version that would end by the signal.
        say("result", running=pid is not None, reloaded=False)
        return
    os.kill(facts["pid"], daemon_home.RELOAD)
    give_up_at = time.monotonic() + RELOAD_LIMIT_S
    while (now := daemon_home.read_facts(settings.home) or facts)["reloads"] == facts["reloads"]:
        if time.monotonic() > give_up_at:
            raise Unavailable(f"the daemon (pid {pid}) did not read its settings within {RELOAD_LIMIT_S:.0f} s")
        time.sleep(POLL_S)
    if now["reload_error"] is not None:
        raise Unavailable(f"the daemon stays with its settings: {now['reload_error']}")
    say("result", running=True, reloaded=True)


def status(settings: Settings, options: argparse.Namespace) -> None:
    """Whether a daemon runs on this home, and where."""
    pid = daemon_home.holder(settings.home)
    facts = (daemon_home.read_facts(settings.home) or {}) if pid is not None else {}
    log = str(settings.home / daemon_home.LOG_FILE)
    say("result", running=pid is not None, home=str(settings.home), log=log, **{**facts, "pid": pid})


def user_create(settings: Settings, options: argparse.Namespace) -> None:
    """Make an account; the first one on this machine is the owner. The password comes on standard input."""
    from agor_daemon.accounts import create_account

    password = sys.stdin.readline().rstrip("\n")
    with _database(settings) as database:
        user = create_account(database, options.email, password, name=options.name, role=options.role)
    say("result", user=user)


def db_status(settings: Settings, options: argparse.Namespace) -> None:
    """Which revision the database is at, and which one this version of Agor needs."""
    with _database(settings, upgrade=False) as database:
        say("result", **database.status())


def db_upgrade(settings: Settings, options: argparse.Namespace) -> None:
    """Bring the database to the revision this version of Agor needs."""
    with _database(settings, upgrade=False) as database:
        database.upgrade()
        say("result", **database.status())


def db_downgrade(settings: Settings, options: argparse.Namespace) -> None:
    """Bring the database back to an earlier revision; no daemon may be running."""
    with _held(settings), _database(settings, upgrade=False) as database:
        database.downgrade(options.revision)
        say("result", **database.status())


def db_backup(settings: Settings, options: argparse.Namespace) -> None:
    """Write a copy of the database, while the daemon goes on."""
    from agor_core.db import backup

    with _database(settings, upgrade=False) as database:
        say("result", path=str(backup(database, options.file.absolute(), _tell)))


def db_restore(settings: Settings, options: argparse.Namespace) -> None:
    """Put a backup in the place of the database; what was there is kept beside it. No daemon may be running."""
    from agor_core.db import restore

    _must_exist(options.file)
    with _held(settings), _database(settings, upgrade=False) as database:
        kept = restore(database, options.file.absolute(), _tell)
        say("result", replaced=str(kept) if kept is not None else None)


def db_export(settings: Settings, options: argparse.Namespace) -> None:
    """Write all entities as JSON Lines, while the daemon goes on."""
    from agor_core.db import export_to

    try:
        with _database(settings, upgrade=False) as database, _new_private(options.file) as file:
            try:
                counts = export_to(database, file, _tell)
                file.flush()
            except BaseException:
                options.file.unlink()  # a part of an export is none
                raise
    except FileExistsError as error:
        raise Conflict(f"{options.file} exists already") from error
    except OSError as error:
        raise BadRequest(f"cannot write {options.file}: {why(error)}") from error
    say("result", path=str(options.file.absolute()), records=dict(counts))


def _new_private(path: Path) -> BinaryIO:
    """A new file that nobody but its owner reads: what is exported holds transcripts, and hashes of passwords."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    return os.fdopen(descriptor, "wb")


def db_import(settings: Settings, options: argparse.Namespace) -> None:
    """Store what an export holds. The daemon may go on; what ran elsewhere counts as interrupted here."""
    from agor_core.db import import_from
    from agor_daemon.recovery import end_imported

    _must_exist(options.file)
    # A batch is some 50,000 objects, none of them garbage before it is stored; nor is what this program began with.
    gc.freeze()
    gc.set_threshold(20_000)
    with options.file.open("rb") as file, _database(settings) as database:
        size = options.file.stat().st_size

        def tell(path: str, done: int, _total: int) -> None:
            # How many of a kind there will be stands at the end of an export; how much of the file is read is known.
            say("progress", text=f"{path}: {done}", done=file.tell(), total=size)

        done = import_from(database, file, tell)
        database.write_now(end_imported)
        say("result", added=dict(done.added), updated=dict(done.updated), kept=dict(done.kept), apart=done.apart)


def main(argv: list[str] | None = None) -> int:
    """Run one command. Errors are told as a line, never as a traceback."""
    options = _parser().parse_args(argv)
    try:
        run: Callable[[Settings, argparse.Namespace], None] = options.run
        run(load_settings(options.home), options)
    except AgorError as error:
        say("error", message=str(error))
        return 1
    return 0


def _held(settings: Settings) -> AbstractContextManager[str]:
    """The home, which may be a new one, while no daemon may run on it."""
    daemon_home.prepare(settings.home)
    return daemon_home.held(settings.home)


def _database(settings: Settings, *, upgrade: bool = True) -> Any:
    from agor_daemon.database import opened

    daemon_home.prepare(settings.home)
    return opened(settings, upgrade=upgrade)


def _tell(path: str, done: int, total: int) -> None:
    say("progress", text=f"{path}: {done} of {total}", done=done, total=total)


def _must_exist(file: Path) -> None:
    if not file.is_file():
        raise BadRequest(f"no file {file}")


def _wait_for_facts(home: Path, alive: Callable[[], bool]) -> dict[str, Any]:
    give_up_at = time.monotonic() + START_LIMIT_S
    while time.monotonic() < give_up_at:
        facts = daemon_home.read_facts(home)
        if facts is not None and facts.get("pid") == daemon_home.holder(home):
            return facts
        if not alive():
            raise Unavailable(f"the daemon ended at once; see {home / daemon_home.LOG_FILE}")
        time.sleep(POLL_S)
    raise Unavailable(f"the daemon did not answer within {START_LIMIT_S:.0f} s; see {home / daemon_home.LOG_FILE}")


def _last_words(log_path: Path, begins_at: int) -> str | None:
    """The line in which a daemon that could not start said why."""
    with log_path.open("rb") as log:
        log.seek(begins_at)
        lines = log.read().decode(errors="replace").splitlines()
    said = [line.removeprefix("agor: ") for line in lines if line.startswith("agor: ")]
    return said[-1] if said else None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m agor_daemon.admin", description=__doc__)
    parser.add_argument("--home", type=Path)
    commands = parser.add_subparsers(required=True)

    def command(name: str, run: Callable[[Settings, argparse.Namespace], None]) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=run.__doc__)
        added.set_defaults(run=run)
        return added

    starting = command("start", start)
    starting.add_argument("--host")
    starting.add_argument("--port", type=int)
    command("stop", stop)
    command("reload", reload)
    command("status", status)
    creating = command("user-create", user_create)
    creating.add_argument("--email", required=True)
    creating.add_argument("--name")
    creating.add_argument("--role")
    command("db-status", db_status)
    command("db-upgrade", db_upgrade)
    command("db-downgrade", db_downgrade).add_argument("revision")
    for name, run in (
        ("db-backup", db_backup),
        ("db-restore", db_restore),
        ("db-export", db_export),
        ("db-import", db_import),
    ):
        command(name, run).add_argument("file", type=Path)
    return parser


if __name__ == "__main__":
    sys.exit(main())
