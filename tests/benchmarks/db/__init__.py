"""How fast the data layer is: through its repositories, and through the daemon."""
