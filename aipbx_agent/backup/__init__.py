"""Backup sets: made, counted, verified, retained."""
