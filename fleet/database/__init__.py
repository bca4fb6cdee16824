"""The database: its password rotated, MySQL's data imported."""
