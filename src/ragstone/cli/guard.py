"""`ragstone guard`: what the checks find in texts of your own."""

from __future__ import annotations

import typer

from ragstone.cli.guards.personal import find_personal

app = typer.Typer(name="guard", help="What the checks find in texts of your own.", no_args_is_help=True)

app.command("pii")(find_personal)


@app.callback()
def group() -> None:
    """What the checks find in texts of your own."""
