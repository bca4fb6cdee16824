"""Every variable of the application, declared once."""
