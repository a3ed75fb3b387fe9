"""Who reads: private sessions, and what belongs to them, exist for some readers only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who asks. In place of a reader, None stands for a call from inside, which sees all."""

    user_id: str | None
    sees_private: bool
    """Whether private sessions of others exist for them."""
