"""The operators' env files: read, checked, edited, encrypted, written."""
