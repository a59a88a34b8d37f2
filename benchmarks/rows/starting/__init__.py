"""What the rows about starting run."""
