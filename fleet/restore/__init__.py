"""Restores: of a set, a file, or to a point in time."""
