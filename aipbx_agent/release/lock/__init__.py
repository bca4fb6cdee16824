"""The deploy lock: taken, asked about, broken."""
