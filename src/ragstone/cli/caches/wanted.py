"""What the commands about caches share."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["Pipeline", "in_bytes", "in_time"]

Pipeline = Annotated[
    str | None, typer.Option("--pipeline", metavar="NAME", help="The cache of that one in pipelines/ alone.")
]

UNITS = ((86_400.0, "day"), (3_600.0, "hour"), (60.0, "minute"))  # seconds


def in_bytes(size: int) -> str:
    """A size that reads well, such as 34.5 kB."""
    number = float(size)
    for unit in ("B", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} GB"


def in_time(seconds: float) -> str:
    """A time that reads well, such as 2 hours."""
    size, unit = next((one for one in UNITS if seconds >= one[0]), (1.0, "second"))
    number = round(seconds / size)
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
