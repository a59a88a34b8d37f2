"""What the rows about prompts run."""
