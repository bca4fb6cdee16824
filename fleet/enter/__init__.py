"""Going in: psql, a command in a container, a way to an internal port."""
