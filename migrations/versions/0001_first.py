"""All tables as they began, and the rule that no session is its own ancestor."""

import sqlalchemy as sa
from alembic import op

from agor_core.models.columns import Json, Text

revision = "0001"
down_revision = None


def upgrade():
    op.create_table(
        "boards",
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_updated", sa.BigInteger(), nullable=False),
        sa.Column("created_by", Text(), nullable=False),
        sa.Column("board_id", Text(), nullable=False),
        sa.Column("name", Text(), nullable=False),
        sa.Column("slug", Text(), nullable=False),
        sa.Column("data", Json(), nullable=False),
        sa.PrimaryKeyConstraint("board_id", name="pk_boards"),
        sa.UniqueConstraint("slug", name="uq_boards_slug"),
    )
    op.create_index("ix_boards_created", "boards", ["created_at", "board_id"])
    op.create_index("ix_boards_name", "boards", ["name"])

    op.create_table(
        "change_log_head",
        sa.Column("head_id", sa.Integer(), nullable=False),
        sa.Column("epoch", Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("head_id = 1", name="ck_change_log_head_single"),
        sa.PrimaryKeyConstraint("head_id", name="pk_change_log_head"),
    )
    op.create_table(
        "connections",
        sa.Column("pid_hash", Text(), nullable=False),
        sa.Column("epoch", Text(), nullable=False),
        sa.Column("start_seq", sa.BigInteger(), nullable=False),
        sa.Column("user_id", Text(), nullable=True),
        sa.Column("token_jti", Text(), nullable=True),
        sa.Column("last_seen", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("pid_hash", name="pk_connections"),
    )
    op.create_index("ix_connections_last_seen", "connections", ["last_seen"])

    op.create_table(
        "events",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("epoch", Text(), nullable=False),
        sa.Column("path", Text(), nullable=False),
        sa.Column("event", Text(), nullable=False),
        sa.Column("record_id", Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("session_id", Text(), nullable=True),
        sa.Column("created_by", Text(), nullable=True),
        sa.Column("sharing", Text(), nullable=True),
        sa.Column("board_id", Text(), nullable=True),
        sa.Column("payload", Json(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_events"),
    )
    op.create_index("ix_events_created_at", "events", ["created_at"])
    op.create_index("ix_events_path", "events", ["path", "seq"])
    op.create_index("ix_events_record_id", "events", ["record_id"])
    op.create_index("ix_events_session_id", "events", ["session_id"])

    op.create_table(
        "repos",
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_updated", sa.BigInteger(), nullable=False),
        sa.Column("created_by", Text(), nullable=False),
        sa.Column("repo_id", Text(), nullable=False),
        sa.Column("slug", Text(), nullable=False),
        sa.Column("status", Text(), nullable=False),
        sa.Column("data", Json(), nullable=False),
        sa.CheckConstraint("status IN ('cloning', 'ready', 'failed', 'missing')", name="ck_repos_status"),
        sa.PrimaryKeyConstraint("repo_id", name="pk_repos"),
        sa.UniqueConstraint("slug", name="uq_repos_slug"),
    )
    op.create_index("ix_repos_created", "repos", ["created_at", "repo_id"])
    op.create_index("ix_repos_status", "repos", ["status"])

    op.create_table(
        "revoked_tokens",
        sa.Column("jti", Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("jti", name="pk_revoked_tokens"),
    )
    op.create_index("ix_revoked_tokens_expires_at", "revoked_tokens", ["expires_at"])

    op.create_table(
        "users",
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_updated", sa.BigInteger(), nullable=False),
        sa.Column("created_by", Text(), nullable=False),
        sa.Column("user_id", Text(), nullable=False),
        sa.Column("email", Text(), nullable=False),
        sa.Column("password", Text(), nullable=False),
        sa.Column("role", Text(), nullable=False),
        sa.Column("data", Json(), nullable=False),
        sa.CheckConstraint("role IN ('owner', 'admin', 'member', 'viewer')", name="ck_users_role"),
        sa.PrimaryKeyConstraint("user_id", name="pk_users"),
        sa.UniqueConstraint("email", name="uq_users_email"),
    )
    op.create_index("ix_users_created", "users", ["created_at", "user_id"])
    op.create_index("ix_users_role", "users", ["role"])

    op.create_table(
        "worktrees",
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_updated", sa.BigInteger(), nullable=False),
        sa.Column("created_by", Text(), nullable=False),
        sa.Column("worktree_id", Text(), nullable=False),
        sa.Column("repo_id", Text(), nullable=False),
        sa.Column("name", Text(), nullable=False),
        sa.Column("status", Text(), nullable=False),
        sa.Column("board_id", Text(), nullable=True),
        sa.Column("archived", sa.Boolean(), nullable=False),
        sa.Column("data", Json(), nullable=False),
        sa.CheckConstraint("status IN ('preparing', 'ready', 'missing', 'removed')", name="ck_worktrees_status"),
        sa.ForeignKeyConstraint(["board_id"], ["boards.board_id"], name="fk_worktrees_board_id", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["repo_id"], ["repos.repo_id"], name="fk_worktrees_repo_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("worktree_id", name="pk_worktrees"),
        sa.UniqueConstraint("repo_id", "name", name="uq_worktrees_repo_id_name"),
    )
    op.create_index("ix_worktrees_archived", "worktrees", ["archived", "created_at", "worktree_id"])
    op.create_index("ix_worktrees_board_id", "worktrees", ["board_id"])
    op.create_index("ix_worktrees_created", "worktrees", ["created_at", "worktree_id"])
    op.create_index("ix_worktrees_name", "worktrees", ["name"])
    op.create_index("ix_worktrees_status", "worktrees", ["status", "created_at", "worktree_id"])

    op.create_table(
        "sessions",
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_updated", sa.BigInteger(), nullable=False),
        sa.Column("created_by", Text(), nullable=False),
        sa.Column("session_id", Text(), nullable=False),
        sa.Column("status", Text(), nullable=False),
        sa.Column("agent", Text(), nullable=False),
        sa.Column("board_id", Text(), nullable=True),
        sa.Column("worktree_id", Text(), nullable=True),
        sa.Column("parent_session_id", Text(), nullable=True),
        sa.Column("forked_from_session_id", Text(), nullable=True),
        sa.Column("archived", sa.Boolean(), nullable=False),
        sa.Column("sharing", Text(), nullable=False),
        sa.Column("message_count", sa.Integer(), nullable=False),
        sa.Column("first_index", sa.Integer(), nullable=False),
        sa.Column("next_index", sa.Integer(), nullable=False),
        sa.Column("data", Json(), nullable=False),
        sa.CheckConstraint("sharing IN ('everyone', 'private')", name="ck_sessions_sharing"),
        sa.CheckConstraint(
            "status IN ('idle', 'running', 'awaiting_permission', 'completed', 'failed')", name="ck_sessions_status"
        ),
        sa.CheckConstraint("forked_from_session_id <> session_id", name="ck_sessions_not_own_fork"),
        sa.CheckConstraint("parent_session_id <> session_id", name="ck_sessions_not_own_parent"),
        sa.CheckConstraint(
            "parent_session_id IS NULL OR forked_from_session_id IS NULL", name="ck_sessions_one_origin"
        ),
        sa.ForeignKeyConstraint(["board_id"], ["boards.board_id"], name="fk_sessions_board_id", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(
            ["forked_from_session_id"],
            ["sessions.session_id"],
            name="fk_sessions_forked_from_session_id",
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["parent_session_id"], ["sessions.session_id"], name="fk_sessions_parent_session_id", ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["worktree_id"], ["worktrees.worktree_id"], name="fk_sessions_worktree_id", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("session_id", name="pk_sessions"),
    )
    op.create_index("ix_sessions_agent", "sessions", ["agent", "created_at", "session_id"])
    op.create_index("ix_sessions_archived", "sessions", ["archived", "created_at", "session_id"])
    op.create_index("ix_sessions_board", "sessions", ["board_id", "created_at", "session_id"])
    op.create_index("ix_sessions_created", "sessions", ["created_at", "session_id"])
    op.create_index("ix_sessions_forked_from_session_id", "sessions", ["forked_from_session_id"])
    op.create_index("ix_sessions_parent_session_id", "sessions", ["parent_session_id"])
    op.create_index("ix_sessions_sharing", "sessions", ["sharing", "session_id"])
    op.create_index("ix_sessions_status", "sessions", ["status", "created_at", "session_id"])
    op.create_index("ix_sessions_updated", "sessions", ["last_updated", "session_id"])
    op.create_index("ix_sessions_worktree_id", "sessions", ["worktree_id"])

    op.create_table(
        "tasks",
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_updated", sa.BigInteger(), nullable=False),
        sa.Column("created_by", Text(), nullable=False),
        sa.Column("task_id", Text(), nullable=False),
        sa.Column("session_id", Text(), nullable=False),
        sa.Column("status", Text(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("completed_at", sa.BigInteger(), nullable=True),
        sa.Column("data", Json(), nullable=False),
        sa.CheckConstraint(
            "status IN ('created', 'running', 'awaiting_permission', 'completed', 'failed', 'stopped')",
            name="ck_tasks_status",
        ),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.session_id"], name="fk_tasks_session_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("task_id", name="pk_tasks"),
    )
    op.create_index("ix_tasks_completed_at", "tasks", ["completed_at"])
    op.create_index("ix_tasks_created", "tasks", ["created_at", "task_id"])
    op.create_index("ix_tasks_session", "tasks", ["session_id", "created_at", "task_id"])
    op.create_index("ix_tasks_started_at", "tasks", ["started_at"])
    op.create_index("ix_tasks_status", "tasks", ["status", "created_at", "task_id"])

    op.create_table(
        "messages",
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_updated", sa.BigInteger(), nullable=False),
        sa.Column("created_by", Text(), nullable=False),
        sa.Column("message_id", Text(), nullable=False),
        sa.Column("session_id", Text(), nullable=False),
        sa.Column("task_id", Text(), nullable=True),
        sa.Column("index", sa.Integer(), nullable=False),
        sa.Column("type", Text(), nullable=False),
        sa.Column("role", Text(), nullable=False),
        sa.Column("timestamp", sa.BigInteger(), nullable=False),
        sa.Column("parent_tool_use_id", Text(), nullable=True),
        sa.Column("data", Json(), nullable=False),
        sa.CheckConstraint("role IN ('user', 'assistant', 'system')", name="ck_messages_role"),
        sa.CheckConstraint(
            "type IN ('user', 'assistant', 'system', 'permission_request', 'file-history-snapshot')",
            name="ck_messages_type",
        ),
        sa.CheckConstraint('"index" >= 0', name="ck_messages_index"),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.session_id"], name="fk_messages_session_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.task_id"], name="fk_messages_task_id", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("message_id", name="pk_messages"),
        sa.UniqueConstraint("session_id", "index", name="uq_messages_session_id_index"),
    )
    op.create_index("ix_messages_created", "messages", ["created_at", "message_id"])
    op.create_index("ix_messages_parent_tool_use_id", "messages", ["parent_tool_use_id"])
    op.create_index("ix_messages_role", "messages", ["role"])
    op.create_index("ix_messages_task", "messages", ["task_id", "index"])
    op.create_index("ix_messages_timestamp", "messages", ["timestamp"])
    op.create_index("ix_messages_type", "messages", ["type"])

    op.create_table(
        "permissions",
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_updated", sa.BigInteger(), nullable=False),
        sa.Column("created_by", Text(), nullable=False),
        sa.Column("request_id", Text(), nullable=False),
        sa.Column("session_id", Text(), nullable=False),
        sa.Column("task_id", Text(), nullable=False),
        sa.Column("status", Text(), nullable=False),
        sa.Column("data", Json(), nullable=False),
        sa.CheckConstraint("status IN ('pending', 'approved', 'denied', 'cancelled')", name="ck_permissions_status"),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.session_id"], name="fk_permissions_session_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.task_id"], name="fk_permissions_task_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("request_id", name="pk_permissions"),
    )
    op.create_index("ix_permissions_created", "permissions", ["created_at", "request_id"])
    op.create_index("ix_permissions_session", "permissions", ["session_id", "created_at", "request_id"])
    op.create_index("ix_permissions_status", "permissions", ["status", "created_at", "request_id"])
    op.create_index("ix_permissions_task_id", "permissions", ["task_id"])
    _keep_origins()


def _keep_origins():
    """Refuse to give a session another origin: a cycle cannot arise while origins are only ever given at birth."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("""
            CREATE FUNCTION keep_origin() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                RAISE EXCEPTION 'a session keeps its origin' USING ERRCODE = 'check_violation';
            END $$
        """)
        op.execute("""
            CREATE TRIGGER sessions_keep_origin BEFORE UPDATE ON sessions FOR EACH ROW WHEN (
                NEW.parent_session_id IS NOT NULL AND NEW.parent_session_id IS DISTINCT FROM OLD.parent_session_id
                OR NEW.forked_from_session_id IS NOT NULL
                AND NEW.forked_from_session_id IS DISTINCT FROM OLD.forked_from_session_id
            ) EXECUTE FUNCTION keep_origin()
        """)
        return
    op.execute("""
        CREATE TRIGGER sessions_keep_origin BEFORE UPDATE ON sessions WHEN
            NEW.parent_session_id IS NOT NULL AND NEW.parent_session_id IS NOT OLD.parent_session_id
            OR NEW.forked_from_session_id IS NOT NULL
            AND NEW.forked_from_session_id IS NOT OLD.forked_from_session_id
        BEGIN SELECT RAISE(ABORT, 'a session keeps its origin'); END
    """)


def downgrade():
    op.drop_table("permissions")
    op.drop_table("messages")
    op.drop_table("tasks")
    op.drop_table("sessions")
    op.drop_table("worktrees")
    op.drop_table("users")
    op.drop_table("revoked_tokens")
    op.drop_table("repos")
    op.drop_table("events")
    op.drop_table("connections")
    op.drop_table("change_log_head")
    op.drop_table("boards")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION keep_origin()")
