"""`ragstone model explain`: which model would get a question, and why."""

from __future__ import annotations

from pathlib import Path

import typer
from rich.table import Table
from rich.text import Text

from ragstone.cli import show
from ragstone.cli.options import (
    FAILED,
    As,
    Debug,
    Json,
    PipelineName,
    Principals,
    ProjectFolder,
    Question,
    Tenant,
    command,
)
from ragstone.project import find
from ragstone.reports import ExplainedRoute
from ragstone.sync import Rag

__all__ = ["explain_route"]


@command
def explain_route(
    question: Question,
    prompt: As = None,
    pipeline: PipelineName = "answer",
    as_json: Json = False,
    project: ProjectFolder = Path(),
    principal: Principals = None,
    tenant: Tenant = "default",
    debug: Debug = False,
) -> None:
    """Print which model would answer a question, who follows, and why; no model is asked."""
    asked = typer.get_text_stream("stdin").read() if question == "-" else question
    with Rag.open(find(project)) as rag:
        models = rag.models(tenant=tenant, pipeline=pipeline)
        found = models.explain(asked, prompt=prompt, principals=principal or ())
    if as_json:
        show.as_json(found.as_dict())
    else:
        _print(found)
    if not found.asked:
        raise typer.Exit(FAILED)


def _print(found: ExplainedRoute) -> None:
    confidential = ", confidential: it stays on models of your own" if found.confidential else ""
    show.out.print(Text(f"{found.strategy}, for the prompt {found.prompt} of {found.tokens:,} tokens{confidential}"))
    table = Table("", "model", "why", box=None, pad_edge=False)
    for place, one in enumerate(found.asked, 1):
        table.add_row(f"{place}.", Text(one.name, style="bold" if place == 1 else ""), Text(one.why))
    for one in found.passed:
        table.add_row("–", Text(one.name, style="dim"), Text(one.why, style="dim"))
    show.out.print(table)
    if found.failure is not None:
        show.out.print(Text(f"No model may have it: {found.failure}"))
