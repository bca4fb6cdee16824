"""Certificates: what an operator asks of them. The host's agent (aipbx_agent/tls/) does the work."""
