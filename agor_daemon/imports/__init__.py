"""Conversations that agents had without us: found on the daemon's disk, and stored as sessions."""

from agor_daemon.imports.importer import Importer

__all__ = ["Importer"]
