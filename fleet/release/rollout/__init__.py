"""A release on several hosts: which they are, and in which order it comes to them."""
