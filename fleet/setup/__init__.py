"""A host from fresh to deployed, by one command."""
