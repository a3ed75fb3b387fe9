"""The model APIs that other agents talk to, on 127.0.0.1, answering what a function says.

def answer(asked: Asked) -> str | Call:
    return "Done." if asked.result else Call("write_file", {"file_path": "a.txt", "content": "hi"})

async with FakeModels(answer) as fake:
    ...     # fake.url + "/v1" is OpenAI's (responses and chat completions), fake.url is Gemini's
"""

from tests.fake_models.asked import Asked, Call
from tests.fake_models.server import FakeModels

__all__ = ["Asked", "Call", "FakeModels"]
