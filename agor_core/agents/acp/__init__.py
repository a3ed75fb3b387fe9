"""Any agent that speaks the Agent Client Protocol."""

from agor_core.agents.acp.agent import AcpAgent, SignIn

__all__ = ["AcpAgent", "SignIn"]
