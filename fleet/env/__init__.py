"""The configuration of the application: its variables, declared once, and all that is done with them."""
