"""What the rows about questions run."""
