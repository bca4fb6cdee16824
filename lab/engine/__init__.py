"""The Docker engine that carries the lab: found or started, its command line, networks and limits."""
