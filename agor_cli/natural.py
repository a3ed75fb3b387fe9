"""The order of names as people count: `w2` before `w10`."""

from __future__ import annotations

import re
from typing import Any

_NUMBER = re.compile(r"([0-9]+)")


def natural(name: str) -> Any:
    """What to sort names by: numbers in them by their size, case aside; names alike otherwise keep an order, too."""
    parts: list[Any] = _NUMBER.split(name.casefold())  # every second one is a number
    # By length first: there are names with more digits than Python makes a number of.
    parts[1::2] = [(len(digits), digits) for digits in (part.lstrip("0") for part in parts[1::2])]
    return parts, name
