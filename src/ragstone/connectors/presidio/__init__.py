"""Presidio: personal data by its patterns and ours, and names by a spaCy model."""

from __future__ import annotations

from ragstone.connectors.presidio.check import PresidioCheck

__all__ = ["PresidioCheck"]
