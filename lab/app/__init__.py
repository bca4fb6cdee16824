"""The stand-in application: its sources, and two git repositories made of them."""
