"""The database: units of work, repositories, and a change log that never lies."""

from agor_core.db.backup import backup, restore
from agor_core.db.database import Database, open_database
from agor_core.db.origins import told_to, without_origin
from agor_core.db.reader import Reader
from agor_core.db.transaction import Transaction
from agor_core.db.transfer import export_to, import_from

__all__ = [
    "Database",
    "Reader",
    "Transaction",
    "backup",
    "export_to",
    "import_from",
    "open_database",
    "restore",
    "told_to",
    "without_origin",
]
