"""Full-text search: the words of every message and session, and an index over them."""

import json

import sqlalchemy as sa
from alembic import op

from agor_core.models.columns import Text
from agor_core.models.message import words_of
from agor_core.models.session import words_of_session

revision = "0002"
down_revision = "0001"

ROWS_AT_ONCE = 500


def upgrade():
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    op.create_table(
        "search_documents",
        sa.Column("doc", sa.Integer(), primary_key=True),
        sa.Column("record_id", Text(), nullable=False, unique=True),
        sa.Column("session_id", Text()),
        sa.Column("body", Text(), nullable=False),
    )
    op.create_index("ix_search_documents_session_id", "search_documents", ["session_id"])
    if is_postgresql:
        # Everything in ASCII but letters and digits separates, so that paths and names_with_underscores are found by
        # their parts, as in FTS5.
        op.execute(r"""
            ALTER TABLE search_documents ADD COLUMN words tsvector GENERATED ALWAYS AS
                (to_tsvector('simple', regexp_replace(body, '[\u0001-/:-@\u005b-\u0060{-\u007f]+', ' ', 'g'))) STORED
        """)
        op.execute("CREATE INDEX only_search_words ON search_documents USING gin (words)")
    else:
        op.execute(
            "CREATE VIRTUAL TABLE search_index USING fts5(body, content='search_documents', content_rowid='doc')"
        )
        op.execute("""
            CREATE TRIGGER search_documents_added AFTER INSERT ON search_documents BEGIN
                INSERT INTO search_index(rowid, body) VALUES (NEW.doc, NEW.body);
            END
        """)
        op.execute("""
            CREATE TRIGGER search_documents_removed AFTER DELETE ON search_documents BEGIN
                INSERT INTO search_index(search_index, rowid, body) VALUES ('delete', OLD.doc, OLD.body);
            END
        """)
    for table, id, words in (("sessions", "session_id", words_of_session), ("messages", "message_id", words_of)):
        _fill(table, id, words)


def _fill(table, id, words):
    """Take in what was stored before, in steps, so that a large database needs little memory."""
    connection = op.get_bind()
    insert = sa.text("INSERT INTO search_documents (record_id, session_id, body) VALUES (:id, :session_id, :body)")
    stored = sa.table(table, *map(sa.column, {id, "session_id", "data"}))
    last = ""
    while True:
        query = sa.select(stored.c[id], stored.c.session_id.label("of"), stored.c.data).order_by(stored.c[id])
        rows = connection.execute(query.where(stored.c[id] > last).limit(ROWS_AT_ONCE)).all()
        if not rows:
            return
        read = ((row[0], row[1], json.loads(row[2]) if isinstance(row[2], str) else row[2]) for row in rows)
        found = [{"id": key, "session_id": session_id, "body": words(data)[:100_000]} for key, session_id, data in read]
        if wanted := [document for document in found if document["body"]]:
            connection.execute(insert, wanted)
        last = rows[-1][0]


def downgrade():
    if op.get_bind().dialect.name != "postgresql":
        op.execute("DROP TABLE search_index")
    op.drop_table("search_documents")
