"""The database server is PostgreSQL: its clients, sessions, dumps, roles, and what a database holds."""
