"""What operators and the team ask: ages of backups, lists."""
