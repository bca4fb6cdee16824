"""What a staging host gets of production: its data, without its customers."""
