"""Attempts to carry something out in an answer, and who judges whether one has."""
