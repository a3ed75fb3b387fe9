"""What branches, revisions, worktrees, slugs, URLs and paths may be called; checked before git sees them."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from agor_core.errors import BadRequest

NAME_LIMIT = 100
REF_LIMIT = 200

_WORKTREE_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_SLUG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)?")
# git-check-ref-format(1), for everything below refs/heads/.
_REF_FORBIDDEN = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(/|$)")
_REVISION_FORBIDDEN = re.compile(r"[\x00-\x20\x7f:?*\[\\]|\.\.|\^[{!@-]")
_SHA = re.compile(r"[0-9a-fA-F]{40}([0-9a-fA-F]{24})?")
_SCHEMES = frozenset({"https", "http", "ssh", "git", "file"})
_SCP_LIKE = re.compile(r"(?:[A-Za-z0-9._-]+@)?(?P<host>[A-Za-z0-9._\-\[\]]+):(?!:)(?P<path>.+)")


def check_ref(name: str) -> str:
    """`name`, fit to be a branch. Raises BadRequest."""
    if (
        not name
        or len(name) > REF_LIMIT
        or name.startswith(("-", "/", ".", "refs/"))
        or name.endswith(("/", "."))
        or name in ("@", "HEAD")
        or _SHA.fullmatch(name)
        or _REF_FORBIDDEN.search(name)
        or not _is_text(name)
    ):
        raise BadRequest(f"git allows no branch called {name!r}; try letters, digits, `-`, `_` and `/`", ref=name)
    return name


def check_revision(text: str) -> str:
    """`text`, fit to be handed to git as one commit: a sha, branch, tag, or `HEAD~2`. Raises BadRequest."""
    if not text or len(text) > REF_LIMIT or text.startswith("-") or _REVISION_FORBIDDEN.search(text):
        raise BadRequest(f"{text!r} names no commit; give a branch, a tag or a sha", ref=text)
    if not _is_text(text):
        raise BadRequest("a ref must be valid text", ref=ascii(text))
    return text


def check_worktree_name(name: str) -> str:
    """`name`, fit to name a worktree: letters, digits, `._-`, in parts joined by `/`. Raises BadRequest.

    `--` stands for `/` in folder names, so no name may have it.
    """
    parts = name.split("/")
    if (
        len(name) > NAME_LIMIT
        or "--" in name
        or any(_WORKTREE_PART.fullmatch(part) is None or part.endswith((".", ".lock", "-")) for part in parts)
    ):
        raise BadRequest(
            f"no worktree can be called {name!r}: use letters, digits, `.`, `_` and single `-`, parts joined by `/`",
            name=name,
        )
    return name


def folder_name(name: str) -> str:
    """The folder of the worktree called `name`: one level, whatever slashes it has."""
    return check_worktree_name(name).replace("/", "--")


def name_for(text: str) -> str:
    """A worktree name for what is called `text`: a folder or a branch, whatever is in it."""
    parts = [re.sub(r"[^A-Za-z0-9._]+|-+", "-", part).strip("-.").removesuffix(".lock") for part in text.split("/")]
    name = "/".join(part for part in parts if part)[: NAME_LIMIT - 10].rstrip("-./")
    try:
        return check_worktree_name(name)
    except BadRequest:
        return "worktree"


def check_slug(slug: str) -> str:
    """`slug`, fit to name a repo: `name` or `owner/name`. Raises BadRequest."""
    if len(slug) > NAME_LIMIT or _SLUG.fullmatch(slug) is None or ".." in slug:
        raise BadRequest(f"{slug!r} is no slug: use `name` or `owner/name` of letters, digits and `._-`", slug=slug)
    return slug


def slug_of(source: str) -> str:
    """A slug for what is at `source`: `owner/name` of a URL, the folder's name of a path."""
    path = source if is_local_url(source) else _remote_path(source)
    parts = [_slug_part(part) for part in path.removeprefix("file://").rstrip("/").removesuffix(".git").split("/")]
    wanted = [part for part in parts if part][-1 if is_local_url(source) else -2 :]
    return "/".join(wanted)[:NAME_LIMIT].strip("/") or "repo"


def _slug_part(text: str) -> str:
    return re.sub(r"\.{2,}", ".", re.sub(r"[^A-Za-z0-9._-]+", "-", text)).strip("-.")


def _remote_path(url: str) -> str:
    scp = None if "://" in url else _SCP_LIKE.fullmatch(url)
    return scp["path"] if scp else urlsplit(url).path


def check_url(url: str) -> str:
    """The URL to clone `url` from. Raises BadRequest.

    https, http, ssh, git, file, `user@host:path` or an absolute path. Transports that run programs (`ext::` and the
    like) do not exist here, and a password has no business in an address that is kept; a bare user name in an http
    address is left out, since the credential helper knows it better.
    """
    if not url or url.startswith("-") or re.search(r"[\x00-\x20\x7f]", url) or not _is_text(url):
        raise BadRequest("not an address that git can clone from", url=scrub_url(url))
    if url.startswith("/"):
        return url
    if re.match(r"[A-Za-z0-9+.-]+::", url):
        raise BadRequest("transports that run programs are not allowed; use https, ssh or a path", url=scrub_url(url))
    if "://" not in url:
        return _check_scp_like(url)
    return _check_standard(url)


def _check_scp_like(url: str) -> str:
    scp = _SCP_LIKE.fullmatch(url)
    if scp is not None and re.match(r"[^/]+@", scp["path"]):  # `user:password@host/path`, the scheme forgotten
        raise BadRequest("no password or token in an address: it would be stored")
    if scp is None or scp["host"].startswith("-") or scp["path"].startswith("-"):
        raise BadRequest(f"{url!r} is neither a URL nor an absolute path", url=url)
    return url


def _check_standard(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, password = parts.hostname or "", parts.password
        _ = parts.port
    except ValueError as error:
        raise BadRequest(f"not a URL: {error}", url=scrub_url(url)) from error
    if parts.query or parts.fragment:
        raise BadRequest(
            "leave out what follows `?` or `#`: it may be a token, and would be stored", scheme=parts.scheme
        )
    if parts.scheme not in _SCHEMES:
        raise BadRequest(f"git is not asked over {parts.scheme!r}; use https, ssh or a path", url=scrub_url(url))
    if password is not None:
        raise BadRequest(
            "no password or token in a URL: it would be stored. Let your credential helper or ssh agent sign in",
            url=scrub_url(url),
        )
    if (parts.scheme != "file" and (not host or host.startswith("-"))) or (parts.username or "").startswith("-"):
        raise BadRequest("a URL needs a host", url=scrub_url(url))
    return scrub_url(url) if parts.scheme in ("http", "https") else url


def scrub_url(url: str) -> str:
    """`url` without a credential: no password, and no user name where that may be a token (http)."""
    if "://" not in url:
        return url
    try:
        parts = urlsplit(url)
    except ValueError:
        return re.sub(r"(?<=://)[^/]*@", "", url)
    user, _, host = parts.netloc.rpartition("@")
    if parts.scheme == "ssh" and user:
        host = f"{user.split(':', 1)[0]}@{host}"
    return urlunsplit(parts._replace(netloc=host))


def is_local_url(url: str) -> bool:
    """Whether cloning `url` reads the daemon's own disk."""
    return url.startswith("/") or url[:5].lower() == "file:"


def contained(root: Path | str, *parts: str) -> Path:
    """`root/parts`, which must lie below `root`, also once every symbolic link is followed. Raises BadRequest.

    Nothing of it needs to exist yet, apart from `root`.
    """
    base = Path(root)
    path = base.joinpath(*parts)
    inside = path.resolve().is_relative_to(base.resolve()) and path.resolve() != base.resolve()
    if not inside or ".." in path.parts or path.is_symlink():
        raise BadRequest(f"{path} leads out of {base}", path=str(path))
    return path


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
