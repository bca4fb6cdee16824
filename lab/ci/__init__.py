"""The application's CI: which images it makes of which commits, and the machine that builds them."""
