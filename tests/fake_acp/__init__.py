"""An ACP agent that does what its prompt says, for tests of the adapter: see `agent`."""
