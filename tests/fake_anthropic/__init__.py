"""A Messages API on 127.0.0.1 that answers from a script, so that the real Claude CLI runs without an account.

    async with FakeAnthropic({"rules": [{"when": {"user": "hello"}, "reply": [{"text": "Hi."}]}]}) as fake:
        environment = fake.environment(config_dir=tmp_path / "claude")
        ...                                          # run the CLI with exactly this environment
        assert "my house rule" in fake.asked[0].whole

`python -m tests.fake_anthropic SCRIPT.yaml` serves one by hand. What a script may say is in `script`.
"""

from tests.fake_anthropic.request import ModelRequest
from tests.fake_anthropic.script import Script
from tests.fake_anthropic.server import FakeAnthropic

__all__ = ["FakeAnthropic", "ModelRequest", "Script"]
