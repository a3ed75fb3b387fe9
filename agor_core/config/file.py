"""`config.yaml`: read, and edited in place so that a person's comments and order survive."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agor_core.errors import ConfigError
from agor_core.files import why, write_whole

if TYPE_CHECKING:
    from yaml import MappingNode, Node

CONFIG_FILE = "config.yaml"


def read_file(home: Path) -> dict[str, Any]:
    """What the file says; empty if there is none. It may hold secrets, so others lose access to it."""
    path = home / CONFIG_FILE
    try:
        content = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}; fix its owner, or set AGOR_HOME") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text; correct it by hand") from error
    if path.stat().st_mode & 0o077:
        with contextlib.suppress(OSError):  # not our file to change: then its owner decided
            path.chmod(0o600)
    return parsed(content, path)


def parsed(content: str, path: Path) -> dict[str, Any]:
    """The mapping in `content`. Raises ConfigError that names the line."""
    import yaml  # 30 ms that a home without a file does not pay

    try:
        tree = yaml.safe_load(content)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark is not None else ""
        raise ConfigError(
            f"{path}{line}: {getattr(error, 'problem', None) or 'not YAML'}; correct it by hand"
        ) from error
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ConfigError(f"{path} must be a mapping like `daemon: {{port: 3030}}`")
    return tree


def write_file(home: Path, content: str) -> None:
    """Replace the file as a whole, or not at all. Raises ConfigError if the home cannot be written."""
    path = home / CONFIG_FILE
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        home.chmod(0o700)
        write_whole(path, content)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {why(error, 'set AGOR_HOME to a directory of yours')}") from error


def edited(content: str, path: Path, key: str, value: Any) -> str:
    """`content` with `key` set to `value`, or without `key` if `value` is None.

    Only the lines of that key change. Where the file is laid out in a way that this cannot do, it is written anew.
    """
    import yaml

    wanted = parsed(content, path)
    _put(wanted, key.split("."), value)
    with contextlib.suppress(yaml.YAMLError, ConfigError):
        attempt = _spliced(content, key.split("."), value)
        if attempt is not None and parsed(attempt, path) == wanted:
            return attempt
    return _dumped(wanted)


def _put(tree: dict[str, Any], parts: list[str], value: Any) -> None:
    """Set or remove a value in a tree; sections that become empty go too."""
    head, *rest = parts
    if not rest:
        if value is None:
            tree.pop(head, None)
        else:
            tree[head] = value
        return
    inner = tree.get(head)
    if not isinstance(inner, dict):
        inner = tree[head] = {}
    _put(inner, rest, value)
    if not inner:
        del tree[head]


def _spliced(content: str, parts: list[str], value: Any) -> str | None:
    """`content` with one key's text replaced, added to its section, or added with its section at the end."""
    import yaml

    root = yaml.compose(content, Loader=yaml.SafeLoader)
    if root is None:
        return None if value is None else _with_newline(content) + _dumped(_tree(parts, value))
    node: Node = root
    siblings = 0
    for depth, part in enumerate(parts):
        if not isinstance(node, yaml.MappingNode) or node.flow_style:
            return None
        found = next((pair for pair in node.value if pair[0].value == part), None)
        if found is None:
            return None if value is None else _inserted(content, node, parts[depth:], value)
        siblings = len(node.value) - 1
        name, node = found
    start, end = node.start_mark.index, node.end_mark.index
    if "\n" in content[start:end]:
        return None
    if value is not None:
        return f"{content[:start]}{_flow(value)}{content[end:]}"
    if not siblings:
        return None  # its section goes too
    begins, ends = content.rfind("\n", 0, name.start_mark.index) + 1, content.find("\n", end)
    return content[:begins] + (content[ends + 1 :] if ends >= 0 else "")


def _inserted(content: str, section: MappingNode, parts: list[str], value: Any) -> str:
    """`content` with a new key as the first line of `section`, at the end for the outermost."""
    first = section.value[0][0].start_mark
    if first.column == 0:
        return _with_newline(content) + _dumped(_tree(parts, value))
    indent = " " * first.column
    lines = "".join(f"{indent}{line}\n" for line in _dumped(_tree(parts, value)).splitlines())
    begins = content.rfind("\n", 0, first.index) + 1
    return content[:begins] + lines + content[begins:]


def _tree(parts: list[str], value: Any) -> dict[str, Any]:
    for part in reversed(parts):
        value = {part: value}
    return dict(value)


def _dumped(tree: dict[str, Any]) -> str:
    import yaml

    return yaml.safe_dump(tree, sort_keys=False, allow_unicode=True, default_flow_style=False) if tree else ""


def _flow(value: Any) -> str:
    """`value` on one line."""
    import yaml

    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=2**20)
    return text.removesuffix("...\n").strip()


def _with_newline(content: str) -> str:
    return content if not content or content.endswith("\n") else content + "\n"
