"""Metrics and alerts of the hosts: what they are asked for, and how they are told to be silent."""
