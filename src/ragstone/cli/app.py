"""Puts the commands together."""

from __future__ import annotations

from typing import Annotated

import typer

from ragstone import __version__
from ragstone.cli import (
    ask,
    backup,
    batch,
    cache,
    chat,
    check,
    costs,
    documents,
    evaluate,
    feedback,
    guard,
    index,
    ingest,
    init,
    key,
    model,
    prompt,
    search,
    serve,
    trace,
    tune,
)

app = typer.Typer(
    name="ragstone",
    help="Ask your own documents and get an answer you can check.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 something failed, 2 bad usage or configuration, 3 abstained, 130 interrupted.",
)

for command in (
    init.init,
    ingest.ingest,
    ask.ask,
    batch.batch,
    search.search,
    chat.chat,
    documents.parse,
    documents.chunks,
    documents.forget,
    check.check,
    serve.serve,
    tune.tune,
    costs.costs,
    backup.backup,
    backup.restore,
):
    app.command()(command)
app.add_typer(index.app)
app.add_typer(prompt.app)
app.add_typer(model.app)
app.add_typer(cache.app)
app.add_typer(guard.app)
app.add_typer(evaluate.app)
app.add_typer(key.app)
app.add_typer(trace.app)
app.add_typer(feedback.app)


def _version(shown: bool) -> None:
    if shown:
        typer.echo(f"ragstone {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Ask your own documents and get an answer you can check."""
