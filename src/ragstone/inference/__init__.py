"""From messages to a completion, by the right model."""
