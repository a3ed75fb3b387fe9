"""An agent without an account that plays a scenario: for tests, demos, and a user's first minute."""

from agor_core.agents.scripted.agent import Scripted

__all__ = ["Scripted"]
