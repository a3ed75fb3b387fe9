"""How much the daemon adds to what an agent does by itself."""
