"""The tests. Nothing is imported here, so that parts can be run with the runtime dependencies alone."""
