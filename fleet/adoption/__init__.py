"""Taking over a host that lives already, made by hand: nothing of it is lost."""
