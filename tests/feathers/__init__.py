"""The parts of the framework, each by itself."""
