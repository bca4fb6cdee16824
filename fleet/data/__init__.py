"""What an operator does with the data: each verb runs the agent and shows its events."""
