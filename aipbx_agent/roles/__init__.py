"""PostgreSQL's roles: who may log in and how, and who owns what."""
