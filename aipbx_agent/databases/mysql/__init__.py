"""The database server is MySQL or MariaDB: its clients, dumps, rights, and databases that change names."""
