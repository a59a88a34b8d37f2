"""`ragstone model list`: the models of a project, and what each can do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from rich.markup import escape
from rich.table import Table

from ragstone.cli import show
from ragstone.cli.options import Debug, Json, ProjectFolder, command
from ragstone.errors import NotConfigured
from ragstone.pipelines.build import Builder
from ragstone.pipelines.declared import declared_kind
from ragstone.project import Project, find
from ragstone.protocols import Model
from ragstone.settings import SPELLED

__all__ = ["list_models"]


@command
def list_models(as_json: Json = False, project: ProjectFolder = Path(), debug: Debug = False) -> None:
    """List the models of the project, what each can do, and what those lack that cannot be used yet."""
    folder = Project(find(project))
    folder.require_settings()
    builder = Builder(folder.root, folder.connectors, plugins=folder.plugins, state=folder.state_folder)
    try:
        rows = [*_rows(builder)]
    finally:
        asyncio.run(builder.close())
    if as_json:
        show.as_json(rows)
        return
    table = Table("model", "type", "own", "window", "in", "out", "form", "n", "logprobs", box=None, pad_edge=False)
    for column in table.columns[3:6]:
        column.justify = "right"
    for row in rows:
        table.add_row(*_cells(row), style=None if row["configured"] else "dim")
    show.out.print(table)
    for line in _lines(rows):
        show.out.print(escape(line))


def _rows(builder: Builder) -> Iterator[dict[str, Any]]:
    for name, located in builder.files.items():
        if declared_kind(located) != "model":
            continue
        given = cast("dict[str, Any]", located.value)
        row: dict[str, Any] = {"name": name, "type": str(given.get("type", ""))}
        try:
            model = builder.connector("model", name)
        except NotConfigured as error:
            yield row | {"configured": False, "missing": error.message, "hint": error.hint}
            continue
        assert isinstance(model, Model), "the registry has checked it"
        yield row | {"configured": True, **_able(model)}


def _able(model: Model) -> dict[str, Any]:
    able = model.capabilities
    return {
        "local": able.local,
        "context": able.context_window,
        "price": able.price.model_dump() if able.price is not None else None,
        "structured": able.structured if able.generative else None,
        "samples": able.samples,
        "logprobs": able.logprobs,
        "generative": able.generative,
        "lacks": sorted(SPELLED[name] for name in SPELLED if name not in able.settings),
    }


def _cells(row: dict[str, Any]) -> list[str]:
    if not row["configured"]:
        return [row["name"], row["type"], *[""] * 7]
    window, price = row["context"], row["price"]
    unknown = "0" if row["local"] else "?"  # one of your own without a price costs nothing
    return [
        row["name"],
        row["type"],
        "yes" if row["local"] else "no",
        "any" if window is None else f"{window:,}",
        unknown if price is None else f"{price['input']:g}",
        unknown if price is None else f"{price['output']:g}",
        row["structured"] or "quotes",
        "yes" if row["samples"] else "no",
        "yes" if row["logprobs"] else "no",
    ]


def _lines(rows: list[dict[str, Any]]) -> Iterator[str]:
    if not rows:
        yield "There is no model. Write a file in connectors/ with kind: model."
        return
    yield ""
    yield (
        "own: of your own (local: true). in, out: USD per million tokens; ?: not known. "
        "form: how it is asked for outputs."
    )
    for row in rows:
        if not row["configured"]:
            yield f"{row['name']}: {row['missing']}. {row['hint'] or ''}".rstrip()
        elif row["lacks"]:
            yield f"{row['name']} has no setting {', '.join(row['lacks'])}; a prompt that sets one is refused."
