"""What every room stands on: configuration, errors, events, locks, processes, Docker, files."""
