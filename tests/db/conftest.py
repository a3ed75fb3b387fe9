"""A database on each backend, and short ways to fill it."""

from __future__ import annotations

from tests.support.databases import backend, database, make_url, postgres, postgres_template, sqlite_template, url

__all__ = ["backend", "database", "make_url", "postgres", "postgres_template", "sqlite_template", "url"]
