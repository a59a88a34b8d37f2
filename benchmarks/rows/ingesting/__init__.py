"""What the rows about ingestion run."""
