"""Finds personal data by patterns."""
