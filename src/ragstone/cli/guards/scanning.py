"""`ragstone guard scan`: which texts give orders to a model, and where."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from rich.text import Text

from ragstone.cli import show
from ragstone.cli.guards.lines import Line, field_of, printing, texts_of, unread
from ragstone.cli.options import Debug, command
from ragstone.errors import UsageError

if TYPE_CHECKING:
    from ragstone.protocols import Embedder
    from ragstone.validation.injection.detector import Scan
    from ragstone.validation.injection.weights import Weights

__all__ = ["scan_texts"]

AT_ONCE = 2_000  # lines whose sentences are embedded together
LETTERS = 2_000_000  # of them, at most
EXCERPT = 200  # characters of a sentence in the readable report


class Trusted(StrEnum):
    """Whose text it is: what a person asks, or what was found."""

    USER = "user"
    RETRIEVED = "retrieved"


@command
def scan_texts(
    file: Annotated[str, typer.Argument(metavar="[FILE|-]", help="A text. `-` reads standard input.")] = "-",
    jsonl: Annotated[
        bool, typer.Option("--jsonl", help="Each line is one JSON object with a text of its own.")
    ] = False,
    field: Annotated[
        str | None, typer.Option("--field", metavar="NAME", help="The key of that text, if not `text`.")
    ] = None,
    trust: Annotated[Trusted, typer.Option("--trust", help="Whose text it is.")] = Trusted.RETRIEVED,
    threshold: Annotated[float, typer.Option("--threshold", help="The score from which it is an attack.")] = 0.5,
    weights: Annotated[
        Path | None, typer.Option("--weights", metavar="FILE", help="What `ragstone guard train` has written.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a line, in the order of the input.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Find texts that give orders to a model although their author has no right to.

    Ends with 0 whatever is found, also where a line holds no text: its answer then has an `error`. A file that cannot
    be opened is a mistake in the command, and ends with 2.
    """
    if not 0 < threshold < 1:
        raise UsageError(
            "is out of range", where="--threshold", expected="a number between 0 and 1", found=f"{threshold:g}"
        )
    key = field_of(field, jsonl=jsonl)
    from ragstone.registry import find
    from ragstone.validation.injection.detector import fits
    from ragstone.validation.injection.weights import load, shipped

    chosen = load(weights) if weights else shipped()
    embedder = cast("Callable[[], Embedder]", find("embedder", "openvino"))()
    fits(chosen, embedder)
    lines = texts_of(file, key)

    async def run() -> None:
        missing = 0
        try:
            for some in _parts(lines):
                _print(some, await _scanned(some, trust, threshold, chosen, embedder), threshold, as_json, jsonl)
                missing += sum(line.text is None for line in some)
        finally:
            await embedder.close()
        if as_json:
            unread(missing)

    with printing():
        asyncio.run(run())


def _parts(lines: Iterable[Line]) -> Iterator[Sequence[Line]]:
    """The lines in parts, each as long as can well be held in memory."""
    iterator = iter(lines)
    while some := list(islice(iterator, 1)):
        letters = len(some[0].text or "")
        while len(some) < AT_ONCE and letters < LETTERS and (more := list(islice(iterator, 1))):
            some += more
            letters += len(more[0].text or "")
        yield some


async def _scanned(
    lines: Sequence[Line], trust: Trusted, threshold: float, weights: Weights, embedder: Embedder
) -> dict[int, Scan]:
    """What was found, by the number of the line."""
    from ragstone.types import Context
    from ragstone.validation.injection.detector import scan

    texts = {line.number: line.text for line in lines if line.text is not None}
    found = await scan(
        list(texts.values()),
        trust=trust.value,
        embedder=embedder,
        weights=weights,
        threshold=threshold,
        context=Context(),
    )
    return dict(zip(texts, found, strict=True))


def _print(lines: Sequence[Line], scans: dict[int, Scan], threshold: float, as_json: bool, numbered: bool) -> None:
    for line in lines:
        found = scans.get(line.number)
        if as_json:
            show.as_json_line(_as_dict(line, found, threshold))
        else:
            _report(line, found, threshold, numbered)


def _as_dict(line: Line, found: Scan | None, threshold: float) -> dict[str, Any]:
    if found is None:
        return {"injected": None, "score": None, "spans": [], "error": line.error}
    spans = [{"start": flaw.start, "end": flaw.end, "reason": flaw.reason} for flaw in found.flaws]
    return {"injected": found.score >= threshold, "score": found.score, "spans": spans}


def _report(line: Line, found: Scan | None, threshold: float, numbered: bool) -> None:
    head = f"line {line.number}: " if numbered else ""
    if found is None or line.text is None:
        show.out.print(Text(f"{head}not read: {line.error}"), soft_wrap=True)
        return
    said = "an injection" if found.score >= threshold else "no injection found"
    show.out.print(Text(f"{head}{said} (score {found.score:.2f})"), soft_wrap=True)
    for flaw in found.flaws:
        words = " ".join(line.text[flaw.start : flaw.end].split())
        shown = words if len(words) <= EXCERPT else words[:EXCERPT] + "…"
        visible = "".join(letter if letter.isprintable() else "\ufffd" for letter in shown)
        show.out.print(Text(f"  {flaw.start}–{flaw.end}: {visible}\n    {flaw.reason}"), soft_wrap=True)
