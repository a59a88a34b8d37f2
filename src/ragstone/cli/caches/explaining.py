"""`ragstone cache explain`: what is kept under a key, and whether what it rests on still stands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

import ragstone
from ragstone.cli import show
from ragstone.cli.caches.wanted import Pipeline, in_bytes, in_time
from ragstone.cli.options import Debug, Json, ProjectFolder, command
from ragstone.reports import KeptCall, RestsOn

__all__ = ["explain_entry"]

Key = Annotated[str, typer.Argument(metavar="KEY", help="As the step `cache` of a trace shows it: 48 hex digits.")]
SAYS = {
    "unchanged": "as it was",
    "changed": "changed since: no request finds this entry",
    "gone": "no longer there: no request finds this entry",
}


@command
def explain_entry(
    key: Key,
    show_answer: Annotated[bool, typer.Option("--show-answer", help="Print the words of the answer, too.")] = False,
    pipeline: Pipeline = None,
    as_json: Json = False,
    project: ProjectFolder = Path(),
    debug: Debug = False,
) -> None:
    """Print what is kept under a key, and whether the documents that it rests on still are what they were."""
    with ragstone.open(project) as rag:
        found = rag.cache(pipeline=pipeline).explain(key)
    if as_json:
        show.as_json(found.as_dict(answer=show_answer))
        return
    for name, words in _lines(found):
        show.out.print(Text(f"{name:10}{words}"), soft_wrap=True)
    for text in found.texts if show_answer else ():
        show.out.print()
        show.out.print(Text(text))


def _lines(found: KeptCall) -> Iterator[tuple[str, str]]:
    yield "key", found.key
    yield "room", f"{found.room}, in {found.place}"
    left = "while there is room" if found.left is None else f"{in_time(found.left)} left"
    yield "made", f"{in_time(found.age)} ago, {left}"
    yield "size", in_bytes(found.size)
    if found.prompt is not None:
        yield "prompt", f"{found.prompt}, version {found.version}"
    if found.model is not None:
        yield "model", f"{found.model}, fingerprint {found.fingerprint}"
    if found.tenant is not None:
        yield "tenant", found.tenant
    for place, one in enumerate(found.rests or ()):
        yield "" if place else "rests on", _passage(one)
    if found.rests == ():
        yield "rests on", "no document"


def _passage(one: RestsOn) -> str:
    return f"{one.uri or one.document}, characters {one.start} to {one.end}: {SAYS[one.state]}"
