"""Users of the application: who administers it."""
