"""A running task in the terminal: its answer as it comes, its questions, its end."""
