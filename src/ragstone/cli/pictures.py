"""Where a command draws a picture: `--plot FILE`."""

from __future__ import annotations

from pathlib import Path

from ragstone.errors import UsageError
from ragstone.evaluation.plots.canvas import Canvas

__all__ = ["check_plot", "write_plot"]

KINDS = (".svg", ".png")


def check_plot(plot: Path | None) -> None:
    """Said now, and not after minutes of embedding."""
    if plot is None:
        return
    if plot.suffix.lower() not in KINDS:
        raise UsageError("is no kind of picture", where="--plot", expected=" or ".join(KINDS), found=plot.name)
    if not plot.parent.is_dir():
        raise UsageError("there is no such folder", where="--plot", found=str(plot.parent))


def write_plot(plot: Path, canvas: Canvas) -> None:
    """Writes the picture in the form that the file's name asks for."""
    plot.write_bytes(canvas.png() if plot.suffix.lower() == ".png" else canvas.svg().encode())
