"""The command line, one module for each noun. `main` is what `ragstone` runs."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from typing import NoReturn

__all__ = ["INTERRUPTED", "end_interrupted", "main"]

INTERRUPTED = 130  # 128 + SIGINT, as shells have it


def main() -> None:
    """Runs the command that the arguments name, and exits with its code."""
    # Our matrices are small: beside a busy embedder the threads of numpy's BLAS wait for each other ten times longer
    # than they compute. It reads this when it is imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that lacks a character shows a question mark
    try:
        from ragstone.cli.app import app

        app()
    except KeyboardInterrupt:
        end_interrupted()


def end_interrupted(left: str = "What was finished is kept; run it again to go on.") -> NoReturn:
    """Says so in one line, with what is left of the work, and ends at once: what was written is whole at any moment."""
    sys.stderr.write(f"\nragstone: interrupted. {left}\n")
    sys.stderr.flush()
    os._exit(INTERRUPTED)
