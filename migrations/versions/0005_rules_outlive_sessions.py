"""An answer that stands for a project or a user stays when the session in which it was given goes."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

COLUMNS = ("session_id", "task_id")


def upgrade():
    _allow_null(True)


def downgrade():
    op.execute("DELETE FROM permissions WHERE session_id IS NULL OR task_id IS NULL")
    _allow_null(False)


def _allow_null(is_allowed):
    if op.get_bind().dialect.name == "postgresql":
        for column in COLUMNS:
            op.alter_column("permissions", column, nullable=is_allowed)
        return
    # SQLite cannot alter a column: the table is made again, word for word but for these.
    known = sa.text("SELECT type, sql FROM sqlite_master WHERE tbl_name = 'permissions' AND sql IS NOT NULL")
    made = list(op.get_bind().execute(known))
    (table,) = [sql for kind, sql in made if kind == "table"]
    for column in COLUMNS:
        strict, free = f"{column} TEXT NOT NULL", f"{column} TEXT"
        table = table.replace(strict, free) if is_allowed else table.replace(f"{free},", f"{strict},")
    _, _, body = table.partition("(")
    names = ", ".join(column["name"] for column in sa.inspect(op.get_bind()).get_columns("permissions"))
    op.execute(sa.text(f"CREATE TABLE permissions_again ({_literally(body)}"))
    op.execute(f"INSERT INTO permissions_again ({names}) SELECT {names} FROM permissions")  # noqa: S608
    op.execute("DROP TABLE permissions")
    op.execute("ALTER TABLE permissions_again RENAME TO permissions")
    for kind, sql in made:
        if kind == "index":
            op.execute(sa.text(_literally(sql)))


def _literally(sql):
    return sql.replace(":", "\\:")
