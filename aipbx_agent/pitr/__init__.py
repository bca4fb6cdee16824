"""Point-in-time recovery: WAL on its way off this host, base backups, and the recovery window."""
