"""Figures as pictures: SVG or PNG, drawn here."""
