"""Which ports are open, and who is banned."""
