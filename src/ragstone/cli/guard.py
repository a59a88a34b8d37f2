"""`ragstone guard`: what is checked of texts, asked of files."""

from __future__ import annotations

import typer

from ragstone.cli.guards.scanning import scan_texts
from ragstone.cli.guards.training import train_detectors

app = typer.Typer(name="guard", help="Checks texts for what should not be in them.", no_args_is_help=True)

app.command("scan")(scan_texts)
app.command("train")(train_detectors)


@app.callback()
def group() -> None:
    """Checks texts for what should not be in them."""
