"""Figures: what is computed from one answer, or from many. Each says its formula, its range and its source."""
