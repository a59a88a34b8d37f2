"""`ragstone model`: models, and the machines that they run on."""

from __future__ import annotations

import typer

from ragstone.cli.models.calibrating import calibrate_route
from ragstone.cli.models.explaining import explain_route
from ragstone.cli.models.listing import list_models
from ragstone.cli.models.planning import plan_model
from ragstone.cli.models.serving import serve_model

app = typer.Typer(name="model", help="Models, and the machines that they run on.", no_args_is_help=True)

app.command("list")(list_models)
app.command("explain")(explain_route)
app.command("calibrate")(calibrate_route)
app.command("plan")(plan_model)
app.command("serve")(serve_model)


@app.callback()
def group() -> None:
    """Models, and the machines that they run on."""
