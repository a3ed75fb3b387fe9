"""Keeps secrets out of what people, logs and clients get to read."""

from __future__ import annotations

import re
from collections.abc import Mapping

_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL", re.IGNORECASE)

# Shorter values are no secrets, and blotting out every "1" would make nonsense of a message.
SHORTEST_SECRET = 8


def redact(text: str, environment: Mapping[str, str]) -> str:
    """`text` without the values of the environment's variables that are named like secrets."""
    for name, value in environment.items():
        if len(value) >= SHORTEST_SECRET and _SECRET_NAME.search(name):
            text = text.replace(value, f"<{name}>")
    return text
