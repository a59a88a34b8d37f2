"""Checks that need nothing but the text: they come in by the names that stand in `checks:` of a pipeline."""
