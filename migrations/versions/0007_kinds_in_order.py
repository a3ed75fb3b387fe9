"""Messages of a type or role are found in the order of their time: a page of them is read, not sorted out of all."""

from alembic import op

revision = "0007"
down_revision = "0006"

NAMES = ("type", "role")


def upgrade():
    for name in NAMES:
        op.drop_index(f"ix_messages_{name}", "messages")
        op.create_index(f"ix_messages_{name}", "messages", [name, "created_at", "message_id"])


def downgrade():
    for name in NAMES:
        op.drop_index(f"ix_messages_{name}", "messages")
        op.create_index(f"ix_messages_{name}", "messages", [name])
