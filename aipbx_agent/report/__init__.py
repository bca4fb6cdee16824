"""How runs end, and who is notified of it."""
