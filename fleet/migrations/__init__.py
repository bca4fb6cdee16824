"""The application's migrations: which come with a release, and how they get to a host's database."""
