"""The database: units of work, repositories, and a change log that never lies."""

from agor_core.db.database import Database, open_database
from agor_core.db.reader import Reader
from agor_core.db.transaction import Transaction

__all__ = ["Database", "Reader", "Transaction", "open_database"]
