"""What hosts carry out for an operator who has left: shown again, stopped."""
