"""Our server against Feathers 5 from npm, in the same run."""
