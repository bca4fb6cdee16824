"""What a staging host gets of production: a verified set whose customers were made up, by rules that were reviewed."""
