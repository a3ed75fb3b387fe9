"""Agents' processes: groups of their own, which end whole."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from agor_core.agents import process as processes
from agor_core.agents.process import ChildProcess, Flood, end_leftover
from agor_core.processes import group_lives, process_identity
from tests.agents.conftest import PATIENCE_S

ENVIRONMENT = {"PATH": "/usr/bin:/bin"}


async def start(*command: str, cwd: object = "/") -> ChildProcess:
    return await ChildProcess.start(command, cwd=str(cwd), environment=ENVIRONMENT)


async def test_the_environment_is_exactly_the_given_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of our own environment reaches the child."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "leaked")
    child = await start("/usr/bin/env", "-0")
    environment = (await child.stdout.read()).rstrip(b"\0").split(b"\0")
    await child.close()
    assert environment == [b"PATH=/usr/bin:/bin"]


async def test_a_child_leads_a_group_apart_from_ours() -> None:
    """So that a signal to our own group does not reach it, nor one to its group us."""
    child = await start("sleep", "300")
    assert os.getpgid(child.pid) == child.pid != os.getpgrp()
    await child.close(grace_s=0.05)
    assert not group_lives(child.pid)


@pytest.mark.parametrize("script", ["sleep 300 & sleep 300", "trap '' TERM; sleep 300 & while :; do sleep 1; done"])
async def test_closing_ends_the_whole_group(script: str) -> None:
    """Background children go too, also of a program that ignores the polite signal."""
    child = await start("/bin/sh", "-c", f"echo ready; {script}")
    await child.read_line()
    async with asyncio.timeout(PATIENCE_S):
        await child.close(grace_s=0.2)
    assert not group_lives(child.pid)
    await child.close()


async def test_what_takes_long_to_die_is_waited_for() -> None:
    """A program with much memory is not gone as soon as it is killed: closing ends when it is, however little grace."""
    code = "import signal; much = b'x' * 300_000_000; print('ready', flush=True); signal.pause()"
    child = await start("/bin/sh", "-c", f'{sys.executable} -c "{code}" & wait')
    await child.read_line()
    await child.close(grace_s=0)
    assert not group_lives(child.pid)


async def test_what_a_killed_program_ran_apart_goes_with_it(tmp_path: Path) -> None:
    """One that is too slow to end its tools itself, which have groups of their own, leaves none of them behind."""
    tool = f"echo $$ > {tmp_path}/tool; echo ready; sleep 300 & while :; do sleep 1; done"
    child = await start("/bin/sh", "-c", f"trap '' TERM; setsid /bin/sh -c '{tool}' & while :; do sleep 1; done")
    await child.read_line()
    await child.close(grace_s=0.2)
    assert not group_lives(int((tmp_path / "tool").read_text()))


async def test_closing_goes_on_when_cancelled() -> None:
    """A caller that is cancelled while closing, even again and again, still leaves no process."""
    child = await start("/bin/sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done")
    await child.read_line()
    closer = asyncio.create_task(child.close(grace_s=0.1))
    for _ in range(3):
        await asyncio.sleep(0)
        closer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closer
    assert not group_lives(child.pid)


@pytest.mark.parametrize("turns", range(4))
async def test_a_start_that_is_cancelled_leaves_nothing(tmp_path: Path, turns: int) -> None:
    """Whoever is cancelled while a program starts has not lost it: it is ended with all that it started."""
    pid = tmp_path / "pid"
    starter = asyncio.create_task(start("/bin/sh", "-c", f"echo $$ > {pid}; sleep 300 & sleep 300"))
    for _ in range(turns):
        await asyncio.sleep(0)
    starter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starter
    begun = pid.read_text() if pid.exists() else ""
    assert not begun or not group_lives(int(begun))


async def test_a_program_that_ends_on_end_of_input_is_not_signalled() -> None:
    """It gets its chance to write down what it has to."""
    child = await start("/bin/sh", "-c", "cat; echo tidy >&2")
    await child.close(grace_s=PATIENCE_S)
    assert child.returncode == 0


async def test_lines_of_any_length_are_read_whole() -> None:
    """A line far over the pipe's buffer arrives in one piece; the end of output is empty."""
    code = "import sys; sys.stdout.write('x' * 3_000_000 + '\\nshort\\nlast')"
    child = await start(sys.executable, "-c", code)
    assert [len(await child.read_line()) for _ in range(4)] == [3_000_001, 6, 4, 0]
    await child.close()


async def test_an_endless_line_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that never ends its line cannot fill our memory."""
    monkeypatch.setattr(processes, "LONGEST_LINE_BYTES", 1_000_000)
    child = await start("/bin/sh", "-c", "cat /dev/zero")
    with pytest.raises(Flood):
        await child.read_line()
    await child.close(grace_s=0.1)
    assert not group_lives(child.pid)


async def test_the_tail_of_stderr_is_kept_and_no_more() -> None:
    """The last lines stay, each cut; a flood does not stop the program or fill the memory."""
    code = "import sys; [sys.stderr.write(f'{n} ' + 'x' * 5000 + '\\n') for n in range(2000)]; print('done')"
    child = await start(sys.executable, "-c", code)
    assert await child.read_line() == b"done\n"
    assert await child.wait() == 0
    await child.close()
    lines = child.stderr_tail.splitlines()
    assert lines[-1].startswith("1999 x")
    assert len(lines) == processes.STDERR_LINES
    assert max(map(len, lines)) <= processes.STDERR_LINE_CHARS


async def test_a_leftover_is_ended_by_pid_and_identity() -> None:
    """What a killed daemon left is ended; asking again finds nothing."""
    child = await start("sleep", "300")
    assert await end_leftover(child.pid, child.identity, grace_s=PATIENCE_S)
    assert await child.wait() == -signal.SIGTERM
    assert not await end_leftover(child.pid, child.identity)
    await child.close()


async def test_a_leftovers_children_are_ended_without_it() -> None:
    """The leader is gone, a background child of it still runs: it is ended too."""
    child = await start("/bin/sh", "-c", "sleep 300 & echo ready")
    await child.read_line()
    await child.wait()
    assert group_lives(child.pid)
    assert await end_leftover(child.pid, child.identity, grace_s=PATIENCE_S)
    assert not group_lives(child.pid)
    await child.close()


async def test_a_group_with_the_number_of_one_elsewhere_is_left_alone() -> None:
    """What ran on another machine, or before this one was started anew, may have had any number, and is not here."""
    child = await start("/bin/sh", "-c", "sleep 300 & echo ready")
    await child.read_line()
    await child.wait()
    _, _, began = child.identity.rpartition(".")
    assert not await end_leftover(child.pid, f"elsewhere.{began}")
    assert group_lives(child.pid)
    assert await end_leftover(child.pid, child.identity, grace_s=PATIENCE_S)
    await child.close()


async def test_a_grandchild_that_left_the_group_holds_nobody_up(tmp_path: Path) -> None:
    """A child that made a session of its own and keeps our pipes open does not keep us from closing."""
    child = await start("/bin/sh", "-c", f"setsid sleep 300 & echo $! > {tmp_path}/pid; echo ready")
    await child.read_line()
    async with asyncio.timeout(PATIENCE_S):
        await child.close(grace_s=0.2)
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


async def test_another_process_with_the_same_number_is_left_alone() -> None:
    """A reused pid has another identity, and is none of our business."""
    child = await start("sleep", "300")
    place, _, began = child.identity.rpartition(".")
    for other in (f"{place}.{began}1", f"elsewhere.{began}", "some other start", ""):
        assert not await end_leftover(child.pid, other)
    assert process_identity(child.pid) == child.identity
    assert child.returncode is None
    await child.close(grace_s=0.05)
