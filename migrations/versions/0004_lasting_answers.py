"""How far an answer goes is a column: rules are looked up by it at every question."""

import sqlalchemy as sa
from alembic import op

from agor_core.models.columns import Text

revision = "0004"
down_revision = "0003"


def upgrade():
    op.add_column("permissions", sa.Column("scope", Text(), nullable=True))
    if op.get_bind().dialect.name == "postgresql":
        op.execute("UPDATE permissions SET scope = data->>'scope'")
    else:
        op.execute("UPDATE permissions SET scope = json_extract(data, '$.scope')")
    op.create_index("ix_permissions_scope", "permissions", ["scope", "session_id"])


def downgrade():
    if op.get_bind().dialect.name == "postgresql":
        op.execute("UPDATE permissions SET data = jsonb_set(data, '{scope}', to_jsonb(scope)) WHERE scope IS NOT NULL")
    else:
        op.execute("UPDATE permissions SET data = json_set(data, '$.scope', scope) WHERE scope IS NOT NULL")
    op.drop_index("ix_permissions_scope", "permissions")
    op.drop_column("permissions", "scope")
