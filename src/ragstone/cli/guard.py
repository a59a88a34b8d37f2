"""`ragstone guard`: what the checks find in texts of your own."""

from __future__ import annotations

import typer

from ragstone.cli.guards.personal import find_personal
from ragstone.cli.guards.scanning import scan_texts
from ragstone.cli.guards.training import train_detectors

app = typer.Typer(name="guard", help="What the checks find in texts of your own.", no_args_is_help=True)

app.command("scan")(scan_texts)
app.command("train")(train_detectors)
app.command("pii")(find_personal)


@app.callback()
def group() -> None:
    """What the checks find in texts of your own."""
