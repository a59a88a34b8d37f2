"""What the row about safety runs."""
