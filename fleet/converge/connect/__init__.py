"""How pyinfra reaches a host, what it asks there first, and what it refuses to begin."""
