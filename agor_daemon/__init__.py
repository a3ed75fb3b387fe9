"""The daemon: the product's services, hooks, channels and agent runs, wired to one port."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("agor")
except PackageNotFoundError:  # run from a checkout that was never installed
    __version__ = "0.0.0"
