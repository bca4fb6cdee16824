"""Going in: psql, a command in a container, a tunnel to an internal port."""
