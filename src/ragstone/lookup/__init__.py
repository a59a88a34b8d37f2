"""Addresses with places for values, and paths into JSON: what connectors and prompt files both write."""
