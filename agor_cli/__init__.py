"""`agor`, the command line: a client of the daemon like any other."""
