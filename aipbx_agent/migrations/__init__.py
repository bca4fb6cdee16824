"""A release's migrations: what is due, what it would lose, and how it is applied."""
