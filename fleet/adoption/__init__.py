"""Taking over a host that lives already, made by hand by the team's plan: nothing of it is lost."""
