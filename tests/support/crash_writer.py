"""`python -m tests.support.crash_writer URL ROUNDS`: writers that are killed in the middle of their work.

Each round a forked process appends messages to one session as fast as it can and acknowledges each, once it is
committed, through a pipe; after a few acknowledgements it is killed with SIGKILL. Prints the ids acknowledged.
"""

from __future__ import annotations

import os
import random
import signal
import sys

from agor_core.db import open_database
from agor_core.models import Session
from tests.support.records import said

ID_LENGTH = 36


def write_until_killed(url: str, session_id: str, acknowledge: int) -> None:
    """Append messages, and say so, without end."""
    with open_database(url) as database:
        while True:
            message = database.write_now(lambda tx: tx.messages.append(session_id, said("x")))
            os.write(acknowledge, message.message_id.encode())


def one_round(url: str, session_id: str, wanted: int) -> list[str]:
    """The ids acknowledged by a writer until it was killed, at least `wanted`."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        write_until_killed(url, session_id, writing)
    os.close(writing)
    acknowledged = b""
    with os.fdopen(reading, "rb") as pipe:
        while len(acknowledged) < wanted * ID_LENGTH:
            acknowledged += pipe.read(ID_LENGTH)
        os.kill(pid, signal.SIGKILL)
        acknowledged += pipe.read()
    os.waitpid(pid, 0)
    text = acknowledged.decode()
    return [text[at : at + ID_LENGTH] for at in range(0, len(text), ID_LENGTH)]


def main(url: str, rounds: int) -> None:
    """Kill as many writers, and print what they had acknowledged."""
    with open_database(url) as database:
        session_id = database.write_now(lambda tx: tx.sessions.add(Session(agent="scripted"))).session_id
    for _ in range(rounds):
        for id in one_round(url, session_id, random.randint(1, 8)):
            print(id)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
