"""What cuts across services: signing in, short ids, permission."""
