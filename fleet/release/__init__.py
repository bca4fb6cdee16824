"""Bringing a release to a host, and going back to an earlier one."""
