"""From sources to the index, a verb for each stage."""
