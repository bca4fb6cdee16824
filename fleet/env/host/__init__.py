"""What a host gets of the variables, and what it has."""
