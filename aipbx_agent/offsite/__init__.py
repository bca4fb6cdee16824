"""Copies of sets off this host, and those that this host keeps for its peers."""
