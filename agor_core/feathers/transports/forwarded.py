"""`Forwarded` (RFC 7239), read from its end: each proxy adds what it knows there, after what anybody may have written.

aiohttp's `request.forwarded` reads from the front, and passes over what it cannot read: a client that leaves a quote
open swallows what its proxy adds, and its own word is the last one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
# Each step takes what it can and never gives it back: whoever writes the header must not make reading it slow.
_PAIR = re.compile(rf'[ \t]*+(?:({_WORD})=(?:({_WORD})|"((?:[^"\\]|\\.)*+)"))?[ \t]*+(?:;|\Z)')
_QUOTED_PAIR = re.compile(r"\\(.)")


def elements(lines: Iterable[str]) -> Iterator[Mapping[str, str] | None]:
    """What each proxy has said, the nearest first: parameters by name, in lower case and without quotes.

    None for what breaks the rules; what stands before that may be half of anything, so there is no more.
    """
    for line in reversed(list(lines)):
        for text in _pieces(line):
            found = _parameters(text)
            yield found
            if found is None:
                return


def _pieces(line: str) -> Iterator[str]:
    """The elements of a line, from its end. A comma ends one where no quote is open."""
    piece: list[str] = []
    is_quoted = False
    for part in reversed(line.split(",")):
        piece.append(part)
        is_quoted ^= part.replace("\\\\", "").replace('\\"', "").count('"') % 2 == 1
        if not is_quoted:
            yield ",".join(reversed(piece))
            piece = []
    if piece:
        yield ",".join(reversed(piece))


def _parameters(text: str) -> Mapping[str, str] | None:
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        match = _PAIR.match(text, at)
        if match is None:
            return None
        at = match.end()
        name, token, quoted = match.groups()
        if name is None:
            continue
        if name.lower() in found:
            return None
        found[name.lower()] = token if quoted is None else _QUOTED_PAIR.sub(r"\1", quoted)
    return found
