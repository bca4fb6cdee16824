"""Environments and secrets of the application's repositories at GitHub: compared with the inventory, and set."""
