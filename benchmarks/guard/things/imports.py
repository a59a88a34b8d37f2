"""`import ragstone` in a new process, beside the import of a package that it is locked to.

click is of the same nature: a few modules of its own on top of the same modules of Python. Nothing of site-packages
runs before (`-I -S`), so what else is installed there changes nothing.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from guard.thing import Sides, Thing

__all__ = ["THING"]

BARE = Path(__file__).with_name("bare.py")


@contextmanager
def sides(folder: Path) -> Iterator[Sides]:
    command = [sys.executable, "-I", "-S", BARE, *filter(None, sys.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as process:

        def imported(module: str) -> float:
            assert process.stdin is not None
            assert process.stdout is not None
            print(module, file=process.stdin)
            return float(process.stdout.readline())  # nothing where the import has failed, which says why itself

        yield partial(imported, "ragstone"), partial(imported, "click")


THING = Thing(name="import", reference="import click", packages=("click",), pairs=16, sides=sides)
