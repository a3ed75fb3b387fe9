"""Indexes on who made a record and when it last changed, and on what decides whether somebody may see a session."""

from alembic import op

revision = "0003"
down_revision = "0002"

IDS = {
    "tasks": "task_id",
    "messages": "message_id",
    "permissions": "request_id",
    "boards": "board_id",
    "repos": "repo_id",
    "worktrees": "worktree_id",
    "users": "user_id",
}


def upgrade():
    for table, id in IDS.items():
        op.create_index(f"ix_{table}_updated", table, ["last_updated", id])
        op.create_index(f"ix_{table}_creator", table, ["created_by", id])
    op.create_index("ix_sessions_creator", "sessions", ["created_by", "created_at", "session_id"])
    op.create_index("ix_sessions_status_updated", "sessions", ["status", "last_updated", "session_id"])
    op.drop_index("ix_sessions_sharing", "sessions")
    op.create_index("ix_sessions_sharing", "sessions", ["sharing", "created_by", "session_id"])


def downgrade():
    op.drop_index("ix_sessions_sharing", "sessions")
    op.create_index("ix_sessions_sharing", "sessions", ["sharing", "session_id"])
    op.drop_index("ix_sessions_status_updated", "sessions")
    op.drop_index("ix_sessions_creator", "sessions")
    for table in IDS:
        op.drop_index(f"ix_{table}_creator", table)
        op.drop_index(f"ix_{table}_updated", table)
