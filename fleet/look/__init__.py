"""An operator's eyes: how the hosts are, and what the services say."""
