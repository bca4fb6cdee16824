"""Exact commands, built from data: nothing here runs anything or knows a host."""
