"""The documents of sessions are found among all by an index of their own: a search counts without looking at each."""

from alembic import op

revision = "0006"
down_revision = "0005"

NAME = "search_documents_of_sessions"


def upgrade():
    op.execute(f"CREATE INDEX {NAME} ON search_documents (doc) WHERE record_id = session_id")


def downgrade():
    op.execute(f"DROP INDEX {NAME}")
