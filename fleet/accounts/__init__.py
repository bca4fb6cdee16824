"""Accounts of the application: who administers it."""
