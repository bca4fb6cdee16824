"""What the account of CI may ask of this host, and nothing else."""
