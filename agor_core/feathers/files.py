"""How many files the process may have open: each client costs one, and a polling one two."""

from __future__ import annotations

import contextlib
import resource

# More than the sockets the door lets in.
MOST_FILES = 16_384


def allow_many_files() -> None:
    """Let as many files be open as the system grants, which begins with few; for programs that serve."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
