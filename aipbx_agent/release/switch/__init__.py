"""A release takes the place of the one that runs: forward, back, and what is waited for between."""
