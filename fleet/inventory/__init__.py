"""The inventory: hosts, their settings, and their off-site stores."""
