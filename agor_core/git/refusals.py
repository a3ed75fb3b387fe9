"""What git says when it refuses, translated into the family of errors: its words, and what to do next."""

from __future__ import annotations

import re
from pathlib import Path

from agor_core.errors import BadRequest, Conflict, GitRefused, NotFound, ServiceError

_CREDENTIALS = re.compile(r"(?<=://)[^/@\s'\"]+@")

# Enough for git's own words; hooks and servers may say far more.
WORDS_LIMIT = 2_000

_SIGN_IN = (
    "sign in with your own git set-up (ssh agent or credential helper): once `git ls-remote <url>` works in a "
    "terminal without asking, so does this"
)
_RULES: tuple[tuple[str, type[ServiceError], str], ...] = (
    (r"dubious ownership", GitRefused, "if you trust it, run `git config --global --add safe.directory <its path>`"),
    (r"not a git repository", NotFound, ""),
    (
        r"could not read (Username|Password)|Authentication failed|terminal prompts disabled"
        r"|Permission denied \(|Host key verification failed|HTTP 40[13]|error: 40[13]",
        GitRefused,
        _SIGN_IN,
    ),
    (r"Could not resolve host|Connection (refused|reset|timed out)|Failed to connect", GitRefused, "is it reachable?"),
    (r"transport '[^']*' not allowed", BadRequest, "use https, ssh or a path"),
    (r"already (checked out|used by worktree) at", Conflict, "use that worktree, or another branch"),
    (r"'refs/heads/[^']*' exists; cannot create", Conflict, "git keeps branches like folders; choose another name"),
    (r"Unable to create '[^']*\.lock'|cannot lock|could not lock", Conflict, "another git is at work there; try again"),
    (r"already exists", Conflict, "choose another name"),
    (r"already locked|contains modified or untracked files|cannot remove a locked", Conflict, ""),
    (
        r"invalid reference|unknown revision|not a valid (object|ref|branch)|bad (revision|object)"
        r"|ambiguous argument|is outside repository",
        BadRequest,
        "",
    ),
    (r"is not a working tree", NotFound, ""),
    (r"git-lfs.*(not found|No such file)|filter 'lfs'", GitRefused, "install git-lfs where the daemon runs"),
    (r"No space left on device", GitRefused, "make room on the disk"),
    # Of files it checks out git does not say why.
    (r"unable to write file", GitRefused, "is there room on the disk?"),
)


def refusal(command: str, folder: Path, code: int, said: str) -> ServiceError:
    """The error for `git <command>` in `folder` that ended with `code`, saying `said` (free of credentials)."""
    words = said.strip()[-WORDS_LIMIT:]
    brief = _brief(words) or f"git {command} ended with code {code}"
    for pattern, kind, hint in _RULES:
        if re.search(pattern, words):
            return kind(f"{brief}; {hint}" if hint else brief, command=command, path=str(folder), git=words)
    return GitRefused(brief, command=command, path=str(folder), git=words)


def without_credentials(text: str) -> str:
    """`text` with user names and passwords taken out of its URLs."""
    return _CREDENTIALS.sub("", text)


def _brief(words: str) -> str:
    """Git's reason: its `fatal:` and `error:` lines, else its last line."""
    lines = [line.strip() for line in words.splitlines() if line.strip() and not line.endswith(", done.")]
    reasons = [line.split(": ", 1)[1] for line in lines if re.match(r"(fatal|error|remote): \S", line)]
    return "; ".join(dict.fromkeys(reasons)) if reasons else (lines[-1] if lines else "")
