"""Faults of a prompt file that it would be used with all the same: `rules` names them, `run` looks for them."""
