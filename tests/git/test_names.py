"""What may be called what, before git ever hears of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from agor_core import git
from agor_core.errors import BadRequest


@pytest.mark.parametrize("name", ["main", "feat/one", "fix_2", "v1.0", "a/b/c", "émile", "a-b", "ab@c"])
def test_good_branches(name: str) -> None:
    """Names that git takes are taken."""
    assert git.check_ref(name) == name


@pytest.mark.parametrize(
    "name",
    [
        *(
            "",
            "-x",
            "--upload-pack=x",
            "a..b",
            "a b",
            "a~1",
            "a^",
            "a:b",
            "a?",
            "a*",
            "a[b",
            "a\\b",
            "/a",
            "a/",
            "a//b",
        ),
        *("a.lock", "a.lock/b", ".a", "a/.b", "a.", "@", "HEAD", "a@{1}", "a\nb", "a\x7f", "refs/heads/x"),
        *("x" * 300, "0123456789012345678901234567890123456789", "\ud800"),
    ],
)
def test_bad_branches(name: str) -> None:
    """What git refuses, what begins like an option, and what would be taken for a sha is a bad request."""
    with pytest.raises(BadRequest):
        git.check_ref(name)


@pytest.mark.parametrize("name", ["", "a--b", "-a", "a/-b", "../up", "a/..", ".hidden", "a b", "a/", "/a", "x.lock"])
def test_bad_worktree_names(name: str) -> None:
    """A worktree's name becomes a folder: nothing that climbs, hides or collides."""
    with pytest.raises(BadRequest):
        git.check_worktree_name(name)


def test_a_slash_in_a_worktree_name_is_two_dashes_in_its_folder() -> None:
    """Worktrees lie side by side whatever their names."""
    assert git.folder_name("fix/cors-2") == "fix--cors-2"


@pytest.mark.parametrize(
    ("url", "used"),
    [
        ("https://example.com/a/b.git", "https://example.com/a/b.git"),
        ("https://me@example.com/a/b.git", "https://example.com/a/b.git"),
        ("ssh://git@example.com:22/a/b", "ssh://git@example.com:22/a/b"),
        ("git@example.com:a/b.git", "git@example.com:a/b.git"),
        ("/srv/git/a.git", "/srv/git/a.git"),
        ("file:///srv/git/a.git", "file:///srv/git/a.git"),
    ],
)
def test_good_addresses(url: str, used: str) -> None:
    """What git clones from by itself is taken; a user name in an http address is left to the credential helper."""
    assert git.check_url(url) == used


@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "-oProxyCommand=x",
            "--upload-pack=touch x",
            "ext::sh -c x",
            "ext::sh",
            "fd::17",
            "https::x",
            "some/path",
        ),
        *("https://me:secret@example.com/x", "ssh://me:secret@example.com/x", "ssh://-oProxyCommand=x/y", "https:///x"),
        *(
            "-oProxy@host:path",
            "host:-path",
            "gopher://example.com/",
            "https://a b/c",
            "http://[",
            "https://e.com/\x00",
            "me:secret@example.com/x.git",
            "https://example.com/x.git?private_token=secret",
        ),
    ],
)
def test_bad_addresses(url: str) -> None:
    """Options in disguise, transports that run programs, passwords and nonsense are bad requests; none is echoed."""
    with pytest.raises(BadRequest) as caught:
        git.check_url(url)
    assert "secret" not in str(caught.value.data) + caught.value.message


@pytest.mark.parametrize(
    ("source", "slug"),
    [
        ("https://github.com/owner/name.git", "owner/name"),
        ("git@github.com:owner/name.git", "owner/name"),
        ("https://example.com/one/two/three/", "two/three"),
        ("/home/me/my project", "my-project"),
        ("file:///srv/git/a.git", "a"),
        ("https://example.com/..", "repo"),
    ],
)
def test_a_slug_is_proposed(source: str, slug: str) -> None:
    """A clone is called after its address, a local repository after its folder; both are good slugs."""
    assert git.check_slug(git.slug_of(source)) == slug


@pytest.mark.parametrize("slug", ["", "a/b/c", "-a", "a b", "../x", "a..b", "/a"])
def test_bad_slugs(slug: str) -> None:
    """A slug becomes a path: nothing that climbs or looks like an option."""
    with pytest.raises(BadRequest):
        git.check_slug(slug)


def test_paths_stay_inside_their_root(tmp_path: Path) -> None:
    """Neither dots nor symbolic links lead out of a managed folder."""
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(tmp_path)
    assert git.contained(root, "a", "b") == root / "a/b"
    for parts in (("..", "x"), ("link", "x"), ("link",), ("a", "..", "..", "x"), ("/etc",), ()):
        with pytest.raises(BadRequest):
            git.contained(root, *parts)
