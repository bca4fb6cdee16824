"""Taking over a host that lives already, installed by hand: nothing of it is lost."""
