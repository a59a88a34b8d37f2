"""Serving a model on GPUs of one's own: what it needs, what fits, and the command that starts it."""
