"""`ragstone prompt`: what is said to a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.rule import Rule
from rich.text import Text

import ragstone
from ragstone.cli import show
from ragstone.cli.options import Debug, Json, PipelineName, Principals, ProjectFolder, Tenant, command
from ragstone.errors import UsageError
from ragstone.types import Prompt

app = typer.Typer(name="prompt", help="See what is said to a model.", no_args_is_help=True)


OPTIONS = ("prompt", "k", "where", "principals", "tenant", "pipeline")
"""What the call itself takes, so that no input can pass for it."""


@app.callback()
def group() -> None:
    """See what is said to a model."""


@app.command()
@command
def explain(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The file in prompts/.")] = "answer",
    values: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="An input, such as question=…  Repeatable.")
    ] = None,
    pipeline: PipelineName = "answer",
    as_json: Json = False,
    project: ProjectFolder = Path(),
    principal: Principals = None,
    tenant: Tenant = "default",
    debug: Debug = False,
) -> None:
    """Print the exact messages that would be sent; nothing is sent."""
    inputs = _inputs(values or [])
    question = inputs.pop("question", None)
    with ragstone.open(project) as rag:
        built = rag.explain(
            question, prompt=name, principals=principal or (), tenant=tenant, pipeline=pipeline, **inputs
        )
    if as_json:
        show.as_json(_as_dict(built))
    else:
        _print(built)


def _inputs(values: list[str]) -> dict[str, Any]:
    inputs: dict[str, Any] = {}
    for value in values:
        name, equals, text = value.partition("=")
        if not equals or not name:
            raise UsageError(f"--set {value}", expected="NAME=VALUE")
        if name in OPTIONS:
            raise UsageError(
                f"--set {value}: {name} is no input of a prompt", hint=f"Use --{name}, where there is one."
            )
        inputs[name] = text
    return inputs


def _as_dict(built: Prompt) -> dict[str, Any]:
    return {
        "name": built.name,
        "version": built.version,
        "messages": [{"role": message.role, "content": message.content} for message in built.messages],
        "tokens": built.tokens,
        "counted_by": built.counter,
        "stable_prefix_tokens": built.stable_prefix_tokens,
        "shed": [{"kind": unit.kind, "unit": unit.unit, "tokens": unit.tokens} for unit in built.shed],
        "slots": [{"name": slot.name, "trust": slot.trust, "characters": len(slot.text)} for slot in built.slots],
    }


def _print(built: Prompt) -> None:
    show.out.print(f"[bold]{built.name}[/] [dim]version {built.version}[/]")
    for message in built.messages:
        show.out.print(Rule(message.role, style="cyan", align="left"))
        show.out.print(Text(message.content))
    show.out.print(Rule(style="cyan"))
    for slot in built.slots:
        passages = f", {len(slot.hits)} passages" if slot.trust == "retrieved" else ""
        show.remarks([f"{slot.name}: trust {slot.trust}, {len(slot.text)} characters{passages}"])
    stable = f"of which the first {built.stable_prefix_tokens} are the same for every question"
    show.remarks([f"{built.tokens} tokens (by {built.counter}), {stable}"])
    show.remarks([f"left out: {unit.kind} {unit.unit}, {unit.tokens} tokens" for unit in built.shed])
