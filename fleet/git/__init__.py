"""The application's repositories."""
