"""The conformance fixture twice: ours, and one on the official Feathers 5 packages; the same calls to both."""
