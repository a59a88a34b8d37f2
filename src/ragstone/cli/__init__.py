"""The command line, one module for each noun. `main` is what `ragstone` runs."""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Runs the command that the arguments name, and exits with its code."""
    from ragstone.cli.app import app

    app()
