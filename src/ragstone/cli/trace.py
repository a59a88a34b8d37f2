"""`ragstone trace`: what happened during a request."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from rich.table import Table
from rich.text import Text

import ragstone
from ragstone.cli import show
from ragstone.cli.options import Debug, Json, Principals, ProjectFolder, Tenant, command
from ragstone.errors import UsageError
from ragstone.trace import Step, StoredTrace

app = typer.Typer(name="trace", help="See what happened during a request, step by step.", no_args_is_help=True)


@app.command(name="list")
@command
def list_(
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=1000)] = 20,
    as_json: Json = False,
    project: ProjectFolder = Path(),
    principal: Principals = None,
    tenant: Tenant = "default",
    debug: Debug = False,
) -> None:
    """List the last requests, newest first: all of them, or with --principal those that it may see."""
    with ragstone.open(project) as rag:
        found = rag.traces(limit=limit, principals=principal, tenant=tenant)
    if as_json:
        show.as_json([trace.as_dict() for trace in found])
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("id", "when", "what", "seconds", "outcome", "question"):
        table.add_column(heading, no_wrap=heading != "question", overflow="ellipsis")
    for trace in found:
        when = time.strftime("%m-%d %H:%M", time.localtime(trace.started))
        facts = trace.facts
        table.add_row(
            trace.id,
            when,
            trace.name,
            f"{trace.seconds:.2f}",
            _plain(facts.get("outcome", "")),
            _plain(facts.get("question", "")),
        )
    show.out.print(table)


@app.command(name="show")
@command
def show_(
    trace_id: Annotated[
        str | None, typer.Argument(metavar="ID", help="The id, or its beginning. Without it: the last request.")
    ] = None,
    as_json: Json = False,
    project: ProjectFolder = Path(),
    principal: Principals = None,
    tenant: Tenant = "default",
    debug: Debug = False,
) -> None:
    """Show each step of one request with its time."""
    with ragstone.open(project) as rag:
        if trace_id:
            found = rag.trace(trace_id, principals=principal, tenant=tenant)
        else:
            found = next(iter(rag.traces(limit=1, principals=principal, tenant=tenant)), None)
    if found is None:
        raise UsageError(
            f"there is no trace {trace_id!r}" if trace_id else "there are no traces yet", hint=_hint(trace_id)
        )
    if as_json:
        show.as_json(found.as_dict())
    else:
        _print(found)


def _plain(value: object) -> Text:
    """As it is, but for what would steer the terminal: a question may hold anything, markup of ours too."""
    return Text("".join(c if c.isprintable() else "?" for c in str(value)))


def _hint(trace_id: str | None) -> str:
    return "Run: ragstone trace list" if trace_id else 'Run: ragstone ask "…"'


def _print(trace: StoredTrace) -> None:
    show.out.print(f"[bold]{trace.id}[/] {trace.name}, {trace.seconds * 1000:.0f} ms")
    for key, value in trace.facts.items():
        lines: list[object] = value if key == "notices" else [value]
        for line in lines:
            show.out.print(Text(f"  {key.removesuffix('s') if key == 'notices' else key}: "), _plain(line), sep="")
    table = Table(box=None, pad_edge=False)
    table.add_column("at ms", justify="right")
    table.add_column("took ms", justify="right")
    table.add_column("step", no_wrap=True)
    table.add_column("facts", overflow="fold")
    for step in sorted(trace.steps, key=lambda step: step.start):
        name = "  " * step.name.count(".") + step.name
        table.add_row(f"{step.start * 1000:.0f}", f"{step.seconds * 1000:.0f}", name, _facts(step))
    show.out.print(table)


def _facts(step: Step) -> Text:
    """What is known of a step, and how it failed below that. Objects of a list have a line each."""
    short: list[str] = []
    long: list[str] = []
    for key, value in step.facts.items():
        if _objects(value):
            long += [f"{key}:", *(f"- {_pairs(_unlike(one, step.error))}" for one in value)]
        elif value not in ("", None):
            short.append(_pairs({key: value}))
    lines = [" ".join(short), *long, step.error.removesuffix(": ") if step.error else ""]
    return Text("\n").join(_plain(line) for line in lines if line)


def _unlike(one: Mapping[str, object], last: str | None) -> Mapping[str, object]:
    """A try, whose error is not said again where the step ended with the same."""
    error = one.get("error")
    return {**one, "error": "as below"} if error and last and last.endswith(str(error)) else one


def _pairs(facts: Mapping[str, object]) -> str:
    """`key=value`; a text with blanks stands in quotes, so that the next key does not run into it."""
    quoted = {key: f'"{value}"' if isinstance(value, str) and " " in value else value for key, value in facts.items()}
    return " ".join(f"{key}={value}" for key, value in quoted.items())


def _objects(value: Any) -> bool:
    found = cast("list[object]", value) if isinstance(value, list) else []
    return bool(found) and all(isinstance(one, dict) for one in found)
