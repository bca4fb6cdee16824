"""What a host reports: its state, and the releases that ran there."""
