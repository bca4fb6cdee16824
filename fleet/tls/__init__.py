"""Certificates: what an operator asks of them. The host's own scripts (files/tls/) do the work."""
