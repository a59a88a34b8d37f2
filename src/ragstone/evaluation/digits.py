"""Figures in as many digits as say something, the same wherever they are shown."""

from __future__ import annotations

from ragstone.evaluation.metrics.metric import Metric

__all__ = ["bare", "chance", "interval", "number", "signed", "span"]


def bare(value: float, metric: Metric) -> str:
    """A figure without its unit: three digits behind the point for a share, else as many as say something."""
    return f"{value:.3f}" if _share(metric) else _short(value)


def number(value: float, metric: Metric) -> str:
    """A figure with its unit."""
    said = bare(value, metric)
    return f"{said} {metric.unit}" if metric.unit else said


def signed(value: float, metric: Metric) -> str:
    """A difference, with its sign and without its unit."""
    said = bare(abs(value), metric)
    if not any(digit in said for digit in "123456789"):
        return "0"
    return f"+{said}" if value > 0 else f"−{said}"


def interval(bounds: tuple[float, float], metric: Metric) -> str:
    """Both bounds, without a unit."""
    return " to ".join(bare(bound, metric) for bound in bounds)


def span(bounds: tuple[float, float], metric: Metric) -> str:
    """Both bounds of a difference."""
    return " to ".join(signed(bound, metric) for bound in bounds)


def chance(p: float) -> str:
    r"""A probability, as far as it can be known from some thousand draws.

    >>> chance(0.0004), chance(0.25)
    ('<\xa00.001', '0.250')
    """
    return "<\u00a00.001" if p < 0.001 else f"{p:.3f}"


def _share(metric: Metric) -> bool:
    return not metric.unit and metric.most == 1.0


def _short(value: float) -> str:
    size = abs(value)
    if not size or size >= 0.001:
        digits = 0 if size >= 1000 else 1 if size >= 100 else 2 if size >= 1 or not size else 3
        return f"{value:,.{digits}f}"
    return f"{value:.2g}"
