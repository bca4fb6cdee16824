"""Metrics that no exporter has, the containers of monitoring, and what its alerts say."""
