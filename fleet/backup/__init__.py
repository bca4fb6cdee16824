"""Backup sets: made, listed, fetched."""
