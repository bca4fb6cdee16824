"""What an operator does with the data: each verb runs the host's own program (files/data) and shows what it tells."""
