"""nginx: what the inventory makes of its configuration."""
