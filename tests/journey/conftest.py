"""The database server that a user may move to."""

from __future__ import annotations

from tests.support.databases import postgres

__all__ = ["postgres"]
