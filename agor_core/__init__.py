"""The parts Agor is made of; each package wraps one outside thing."""
