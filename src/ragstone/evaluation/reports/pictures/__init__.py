"""The figures of a report as pictures, drawn as SVG that a page's style sheet colors anew for a dark screen.

axes.py       values between two places
intervals.py  a dot for each figure and a line for its interval: of metrics, of differences, of tags
curves.py     how long answers took, what abstaining would buy, whether a confidence means what it says
"""

from __future__ import annotations

from ragstone.evaluation.reports.pictures.axes import Picture
from ragstone.evaluation.reports.pictures.curves import latencies, reliability, risk
from ragstone.evaluation.reports.pictures.intervals import by_tag, differences, levels
from ragstone.evaluation.reports.shown import Shown

__all__ = ["Picture", "pictures"]


def pictures(shown: Shown) -> list[Picture]:
    """Every picture that a report's figures are enough for."""
    drawn = (levels, differences, by_tag, latencies, risk, reliability)
    return [one for draw in drawn for one in draw(shown)]
