"""Examples may take their time: how long one takes says more about the machine than about the code."""

from hypothesis import settings

settings.register_profile("calm", deadline=None)
settings.load_profile("calm")
