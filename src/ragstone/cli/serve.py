"""`ragstone serve`: the HTTP service."""

from __future__ import annotations

import socket
from contextlib import suppress
from enum import StrEnum
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated

import typer

import ragstone
from ragstone.cli import arenas, show
from ragstone.cli.options import Debug, ProjectFolder, command
from ragstone.errors import MissingExtra, UsageError
from ragstone.project import find


class LogForm(StrEnum):
    """How the service writes its log."""

    quiet, text, json = "quiet", "text", "json"


LOOPBACK = ("127.0.0.1", "::1", "localhost")


@command
def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on.", min=0, max=65535)] = 8321,
    concurrency: Annotated[
        int, typer.Option(help="Requests at the same time; one more is told to come again.", min=1)
    ] = 64,
    grace: Annotated[
        int, typer.Option(help="Seconds in which running requests may end once the service is told to stop.", min=0)
    ] = 30,
    watch: Annotated[bool, typer.Option("--watch", help="Ingest what is edited in the sources' folders.")] = False,
    log: Annotated[LogForm, typer.Option(help="What is logged: what is amiss, or each request too.")] = LogForm.quiet,
    project: ProjectFolder = Path(),
    debug: Debug = False,
) -> None:
    """Answer over HTTP, for programs of any language and for OpenAI's clients."""
    arenas.keep_few()
    root = find(project)
    try:
        (point,) = entry_points(group="ragstone.app", name="web")
        create = point.load()
        import uvicorn
    except (ModuleNotFoundError, ValueError) as error:
        raise MissingExtra("the service is not installed", hint="Run: pip install 'ragstone[serve]'") from error
    with _listening(host, port) as listening:
        address = f"{host}:{listening.getsockname()[1]}"
        with ragstone.open(root) as rag:
            keys = rag.keys().exist()
        show.remarks([f"Serving {root.name} on http://{address} (Ctrl-C stops it; /openapi.json has the API)."])
        if not keys:
            show.remarks(["There are no keys: callers on this machine alone are answered, whatever bearer they send."])
            if host not in LOOPBACK:
                show.remarks(["For all others make a key: ragstone key create NAME"])
        with suppress(KeyboardInterrupt):
            app = create(root, concurrency=concurrency, watch=watch, log=log.value)
            settings = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=grace)
            uvicorn.Server(settings).run(sockets=[listening])


def _listening(host: str, port: int) -> socket.socket:
    """The open socket, taken before anything is said of serving."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise UsageError(
            f"cannot listen on {host}:{port}: {error.strerror}",
            hint="Is another service running there? Choose another --port.",
        ) from None
