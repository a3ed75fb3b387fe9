"""Small files of ours: written whole or not at all, and in words why one could not be."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

_FULL = (errno.ENOSPC, errno.EDQUOT)


def write_whole(path: Path, text: str) -> None:
    """Put `text` in the place of what is at `path`, for its owner alone. Raises OSError; then nothing has changed."""
    descriptor, fresh = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # made with mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(fresh).replace(path)
    except BaseException:
        Path(fresh).unlink(missing_ok=True)
        raise


def why(error: OSError, otherwise: str = "") -> str:
    """What the system says, and what to do: free some space where that is it, else `otherwise`."""
    if error.errno in _FULL:
        return "the disk is full; free some space and try again"
    return f"{error.strerror or error}; {otherwise}" if otherwise else error.strerror or str(error)
