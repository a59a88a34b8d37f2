"""`ragstone prompt show`: a prompt file with everything that it includes in place."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from rich.rule import Rule
from rich.text import Text

from ragstone.cli import show
from ragstone.cli.options import Debug, Json, ProjectFolder, command
from ragstone.cli.prompts.catalog import find_path, used_by
from ragstone.project import Project, find
from ragstone.prompts.examples import ExampleSet
from ragstone.prompts.reading import Reading, read_prompt
from ragstone.prompts.retrieving import RetrieveSpec

__all__ = ["OPTIONS", "described", "retrieved", "settings", "show_prompt"]

OPTIONS = {
    "temperature": "temperature",
    "max_tokens": "maxOutputTokens",
    "top_p": "topP",
    "top_k": "topK",
    "frequency_penalty": "frequencyPenalty",
    "presence_penalty": "presencePenalty",
    "seed": "seed",
    "stop": "stopSequences",
}
"""Each option by our name, and by that of the file."""


@command
def show_prompt(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The file in prompts/.")] = "answer",
    as_json: Json = False,
    project: ProjectFolder = Path(),
    debug: Debug = False,
) -> None:
    """Show a prompt file as it counts: settings, and messages with includes in place."""
    folder = Project(find(project))
    path = find_path(folder, name)
    found = described(read_prompt(path)) | {"used_by": used_by(folder, name)}
    if as_json:
        show.as_json(found)
    else:
        _print(found)


def described(reading: Reading) -> dict[str, Any]:
    """A prompt file with its settings and its messages, includes in place and tags as they are."""
    file = reading.file
    return {
        "name": file.name,
        "path": str(file.path),
        "version": file.version,
        "description": file.description,
        **settings(reading),
        "includes": sorted(file.body.includes),
        "layer_words": {name: text for name, text in file.layers.texts.items() if name.endswith(".md")},
        "messages": [{"role": said.role, "content": said.text} for said in reading.messages],
    }


def settings(reading: Reading) -> dict[str, Any]:
    """What the front matter sets, by the names that it has there."""
    file = reading.file
    options = {OPTIONS[key]: value for key, value in asdict(file.options).items() if value not in (None, ())}
    return {
        "model": file.model or None,
        "options": options,
        "inputs": [
            {key: value for key, value in given.model_dump(by_alias=True).items() if value not in (None, "")}
            | {"trust": file.trust[given.name]}
            for given in file.given
        ],
        "lookup": {
            name: {key: value for key, value in of.model_dump(by_alias=True).items() if value}
            for name, of in reading.front.metadata.ragstone.lookup.items()
        },
        "abstain": file.abstain,
        "retrieve": retrieved(file.retrieve) if file.retrieve is not None else None,
        "passages": {"order": file.order, "mark": file.mark} if "passages" in file.body.uses else None,
        "outputs": [*file.output.schema["properties"]] if file.output is not None else None,
        "few_shot": _examples(file.few_shot) if file.few_shot is not None else None,
        "persona": file.persona or None,
        "layers": _layers(reading),
        "budget": file.budget.model_dump() if file.budget is not None else None,
        "tests": str(file.tests.path.relative_to(file.root)) if file.tests is not None else None,
    }


def _layers(reading: Reading) -> dict[str, Any]:
    """Those that are switched on, with their settings."""
    spec = reading.front.metadata.ragstone.layers
    return {
        name: getattr(spec, name).model_dump(exclude={"on"} if getattr(spec, name).on is True else None)
        for name in spec.on()
        if name != "few_shot"
    }


def retrieved(spec: RetrieveSpec) -> dict[str, Any]:
    """What a file says of the search, by the names that it has there."""
    if not spec.on:
        return {"on": False}
    return {"on": True, "query": spec.query, "rewrite": [*spec.ways] or ["none"]}


def _listed(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()  # as the file has it
    return ", ".join(cast("list[str]", value)) if isinstance(value, list | tuple) else str(value)


def _examples(few_shot: ExampleSet) -> dict[str, Any]:
    return {"file": few_shot.file, "k": few_shot.k, "select": few_shot.select, "of": len(few_shot.examples)}


def _print(found: dict[str, Any]) -> None:
    show.out.print(Text.assemble((found["name"], "bold"), f"  version {found['version']}"))
    show.out.print(Text(found["path"], style="cyan"), soft_wrap=True)
    if found["description"]:
        show.out.print(Text(found["description"]))
    show.out.print()
    for key, value in found["options"].items():
        show.out.print(Text(f"{key}: {value:g}" if isinstance(value, float) else f"{key}: {value}"))
    for given in found["inputs"]:
        needed = "required" if given.get("required") else "optional"
        said = f": {given['description']}" if "description" in given else ""
        show.out.print(Text(f"input {given['name']} ({given['kind']}, {needed}, trust {given['trust']}){said}"))
    for name, of in found["lookup"].items():
        show.out.print(Text(f"lookup {name}: " + ", ".join(f"{key} {value}" for key, value in of.items())))
    for name, of in found["layers"].items():
        set_to = ", ".join(f"{key} {_listed(value)}" for key, value in of.items() if value is not None)
        show.out.print(Text(": ".join(filter(None, (f"layer {name}", set_to)))))
    for key in (
        "abstain",
        "retrieve",
        "passages",
        "outputs",
        "persona",
        "few_shot",
        "budget",
        "tests",
        "includes",
        "used_by",
    ):
        value = found[key]
        if isinstance(value, dict):
            value = [f"{name} {_listed(cast('object', of))}" for name, of in value.items()]  # pyright: ignore[reportUnknownVariableType]
        if value:
            told = ", ".join(map(str, value)) if isinstance(value, list) else value  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
            show.out.print(Text(f"{key.replace('_', ' ')}: {told}"))
    for message in found["messages"]:
        show.out.print(Rule(message["role"], style="cyan", align="left"))
        show.out.print(Text(message["content"]), soft_wrap=True)
    for name, text in found["layer_words"].items():
        show.out.print(Rule(f"prompts/{name}", style="magenta", align="left"))
        show.out.print(Text(text.rstrip()), soft_wrap=True)
