"""A MySQL database carried over into PostgreSQL."""
