"""What several test folders start or fetch: a daemon, a repository, Node, Chromium, PostgreSQL."""
