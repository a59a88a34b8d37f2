"""Personal data: the check that finds it, and the pseudonyms that stand in its place."""
