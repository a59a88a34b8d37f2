"""`ragstone prompt`: what is said to a model."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.rule import Rule
from rich.text import Text

from ragstone.cli import prompt_import, show
from ragstone.cli.options import Debug, Json, PipelineName, Principals, ProjectFolder, Tenant, command
from ragstone.cli.prompts.ablating import ablate
from ragstone.cli.prompts.auto_cot import build_examples
from ragstone.cli.prompts.catalog import find_path
from ragstone.cli.prompts.crafting import craft_prompt
from ragstone.cli.prompts.differences import diff_prompts
from ragstone.cli.prompts.filling import filled
from ragstone.cli.prompts.linting import lint_prompts
from ragstone.cli.prompts.listing import list_prompts
from ragstone.cli.prompts.plan import Plan, plan
from ragstone.cli.prompts.showing import retrieved, show_prompt
from ragstone.cli.prompts.starting import new_prompt
from ragstone.cli.prompts.testing import run_tests
from ragstone.cli.prompts.trying import built_prompt
from ragstone.labels import trust_of
from ragstone.project import Project, find
from ragstone.prompts.file import PromptFile
from ragstone.prompts.reading import read_prompt
from ragstone.types import Hit, Prompt, Slot

app = typer.Typer(name="prompt", help="See, check and compare what is said to a model.", no_args_is_help=True)

app.command("list")(list_prompts)
app.command("show")(show_prompt)
app.command("diff")(diff_prompts)
app.command("lint")(lint_prompts)
app.command("test")(run_tests)
app.command("ablate")(ablate)
app.command("new")(new_prompt)
app.command("craft")(craft_prompt)
app.command("auto-cot")(build_examples)
app.command("import")(prompt_import.import_)


@app.callback()
def group() -> None:
    """See, check and compare what is said to a model."""


@app.command()
@command
def explain(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The file in prompts/.")] = "answer",
    values: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="An input, such as question=…  Repeatable.")
    ] = None,
    files: Annotated[
        list[str] | None, typer.Option("--set-file", metavar="NAME=PATH", help="An input from a file. Repeatable.")
    ] = None,
    pipeline: PipelineName = "answer",
    as_json: Json = False,
    project: ProjectFolder = Path(),
    principal: Principals = None,
    tenant: Tenant = "default",
    debug: Debug = False,
) -> None:
    """Print the exact messages that would be sent, and what they cost; nothing is sent."""
    folder = Project(find(project))
    path = find_path(folder, name)
    reading = read_prompt(path)
    inputs = filled(reading.file, values or [], files or [])
    built = built_prompt(folder, name, inputs, pipeline=pipeline, principals=principal or (), tenant=tenant)
    planned = plan(folder, built, pipeline=pipeline)
    idle = [slot for slot in folder.prompt(name).lookups if slot.name not in inputs]
    if as_json:
        asks = {"retrieve": retrieved(reading.file.retrieve)} if reading.file.retrieve is not None else {}
        adds = {"layer_files": list(reading.file.layers.files)} if reading.file.layers.files else {}
        show.as_json(_as_dict(built, planned, {slot.name for slot in idle}) | asks | adds)
    else:
        _print(built, planned)
        folders = dict.fromkeys(str(Path(name).parent) for name in reading.file.layers.files)
        show.remarks([f"  words of these calls: prompts/{folder}/*.md" for folder in folders])
        show.remarks(_searched(reading.file))
        for slot in idle:
            asked = f"It comes from {slot.connector}, at {slot.address.text}"
            show.remarks([f"{slot.name}: not fetched here. {asked}. Give it a text: --set {slot.name}=…"])


def _searched(file: PromptFile) -> list[str]:
    """What a file says of the search, where it says anything of it."""
    if file.retrieve is None:
        return []
    if not file.retrieve.on:
        return ["search: nothing is searched"]
    ways = ", ".join(file.retrieve.ways)
    asked = f"; before it a model is asked for other words: {ways} (not asked here)" if ways else ""
    return [f"search: for {file.retrieve.query}{asked}"]


def _as_dict(built: Prompt, planned: Plan, idle: Collection[str]) -> dict[str, Any]:
    return {
        "name": built.name,
        "version": built.version,
        "messages": [{"role": message.role, "content": message.content} for message in built.messages],
        "slots": [
            {"name": slot.name, "trust": slot.trust, "tokens": slot.tokens}
            | ({"broken": list(slot.broken)} if slot.broken else {})
            | ({"passages": [_passage(hit) for hit in slot.hits]} if slot.hits else {})
            | ({"fetched": False} if slot.name in idle else {})
            | _marked(slot)
            for slot in built.slots
        ],
        "plan": [asdict(call) for call in built.plan],
        "calls": built.calls,
        "worst_case_calls": built.worst_case_calls,
        "tokens": built.tokens,
        "cost": planned.cost,
        "stable_prefix_tokens": built.stable_prefix_tokens,
        "shed": planned.shed,
        **({"outputs": built.output.schema} if built.output else {}),
    }


def _passage(hit: Hit) -> dict[str, Any]:
    return {"uri": hit.chunk.uri, "trust": trust_of(hit.chunk.metadata)}


def _marked(slot: Slot) -> dict[str, str]:
    """How the words of a slot were changed so that a model tells them from its instructions; nothing for most."""
    if slot.mark not in ("datamark", "encode"):
        return {}
    return {"mark": slot.mark} | ({"sign": slot.sign} if slot.sign else {})


def _print(built: Prompt, planned: Plan) -> None:
    show.out.print(f"[bold]{built.name}[/] [dim]version {built.version}[/]")
    for message in built.messages:
        show.out.print(Rule(message.role, style="cyan", align="left"))
        show.out.print(Text(message.content))
    show.out.print(Rule(style="cyan"))
    if built.output is not None:
        names = ", ".join(built.output.schema["properties"])
        show.remarks([f"outputs: {names}; sent as a schema, or said in words to a server that knows none"])
    for slot in built.slots:
        passages = f", {len(slot.hits)} passage{'s' * (len(slot.hits) != 1)}" if slot.trust == "retrieved" else ""
        show.remarks([f"{slot.name}: trust {slot.trust}, {slot.tokens} tokens{passages}"])
        for hit in slot.hits:
            if (trust := trust_of(hit.chunk.metadata)) != slot.trust:
                show.remarks([f"{slot.name}: trust {trust} of {hit.chunk.uri}"])
        if said := _marked(slot):
            how = f"marked with {said['sign']} between words" if slot.sign else "encoded in base64"
            show.remarks([f"{slot.name}: {how}"])
        if slot.broken:
            show.remarks([f"{slot.name}: broken up with a space: {' '.join(slot.broken)}"])
    show.remarks(planned.lines(built))
