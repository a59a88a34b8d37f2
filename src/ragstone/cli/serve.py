"""`ragstone serve`: the HTTP service."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated

import typer

from ragstone.cli import show
from ragstone.cli.options import Debug, ProjectFolder, command
from ragstone.errors import MissingExtra, UsageError
from ragstone.project import find

LOOPBACK = ("127.0.0.1", "::1", "localhost")


@command
def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on.", min=0, max=65535)] = 8321,
    project: ProjectFolder = Path(),
    debug: Debug = False,
) -> None:
    """Answer over HTTP: GET /healthz, POST /api/ask, POST /api/search."""
    root = find(project)
    try:
        (point,) = entry_points(group="ragstone.app", name="web")
        create = point.load()
        import uvicorn
    except (ModuleNotFoundError, ValueError) as error:
        raise MissingExtra("the service is not installed", hint="Run: pip install 'ragstone[serve]'") from error
    if host not in LOOPBACK:
        show.remarks([f"Anyone who reaches {host}:{port} can ask these documents: there are no keys yet."])
    show.remarks([f"Serving {root.name} on http://{host}:{port} (Ctrl-C stops it; /openapi.json has the API)."])
    try:
        uvicorn.run(create(root), host=host, port=port, log_level="warning")
    except SystemExit as error:
        raise UsageError(
            f"cannot listen on {host}:{port}", hint="Is another service running there? Choose another --port."
        ) from error
