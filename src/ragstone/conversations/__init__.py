"""What was said before, and what a follow-up question means."""
