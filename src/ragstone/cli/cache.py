"""`ragstone cache`: what is kept of earlier calls, what it has saved, and how to be rid of it."""

from __future__ import annotations

import typer

from ragstone.cli.caches.calibrating import calibrate_cache
from ragstone.cli.caches.clearing import clear_caches
from ragstone.cli.caches.counting import count_caches
from ragstone.cli.caches.explaining import explain_entry

app = typer.Typer(name="cache", help="What is kept of earlier calls, and what it has saved.", no_args_is_help=True)

app.command("stats")(count_caches)
app.command("clear")(clear_caches)
app.command("explain")(explain_entry)
app.command("calibrate")(calibrate_cache)


@app.callback()
def group() -> None:
    """What is kept of earlier calls, and what it has saved."""
