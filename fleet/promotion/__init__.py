"""A release that a staging host has proved, brought to production."""
