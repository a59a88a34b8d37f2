"""The command line, one module for each noun. `main` is what `ragstone` runs."""

from __future__ import annotations

import sys

__all__ = ["INTERRUPTED", "main", "say_interrupted"]

INTERRUPTED = 130  # 128 + SIGINT, as shells have it


def main() -> None:
    """Runs the command that the arguments name, and exits with its code."""
    try:
        from ragstone.cli.app import app
    except KeyboardInterrupt:  # within the first tenths of a second
        say_interrupted()
        sys.exit(INTERRUPTED)
    app()


def say_interrupted() -> None:
    """The one line after Ctrl-C."""
    sys.stderr.write("\nragstone: interrupted. What was finished is kept; run it again to go on.\n")
