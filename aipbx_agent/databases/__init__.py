"""The database servers: PostgreSQL and MySQL, live or thrown away, and what a database holds."""
