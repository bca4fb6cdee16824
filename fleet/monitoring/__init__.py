"""Metrics and alerts of the hosts: queries, silences, dashboards."""
