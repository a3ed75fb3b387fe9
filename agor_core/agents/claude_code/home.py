"""Where Claude Code keeps what it knows about its user and their conversations."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_SLUGGED = re.compile(r"[^A-Za-z0-9]")


def config_dir(environ: Mapping[str, str]) -> Path:
    """`CLAUDE_CONFIG_DIR`, else `~/.claude` of the environment's own HOME."""
    if configured := environ.get("CLAUDE_CONFIG_DIR"):
        return Path(configured)
    home = environ.get("HOME")
    return (Path(home) if home else Path.home()) / ".claude"


def project_slug(cwd: str) -> str:
    """The name of the folder that holds the conversations about `cwd`."""
    return _SLUGGED.sub("-", cwd)


def transcript_path(session_id: str, cwd: str, environ: Mapping[str, str]) -> Path:
    """Where the CLI looks for conversation `session_id` when it is started in `cwd`."""
    return config_dir(environ) / "projects" / project_slug(cwd) / f"{session_id}.jsonl"
