"""Copies off a host: stores, keys, checks, and what they give back."""
