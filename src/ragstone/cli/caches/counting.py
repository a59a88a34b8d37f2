"""`ragstone cache stats`: what the caches hold, how often they helped, and what that has saved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.table import Table
from rich.text import Text

import ragstone
from ragstone.cli import show
from ragstone.cli.caches.wanted import Pipeline, in_bytes
from ragstone.cli.options import Debug, Json, ProjectFolder, command
from ragstone.reports import CacheStats, SemanticFigures

__all__ = ["count_caches"]


@command
def count_caches(
    pipeline: Pipeline = None, as_json: Json = False, project: ProjectFolder = Path(), debug: Debug = False
) -> None:
    """Print what each cache holds, how often it helped, why it did not, and what it has saved."""
    with ragstone.open(project) as rag:
        found = rag.cache(pipeline=pipeline).stats()
    if as_json:
        show.as_json(found.as_dict())
        return
    if not found.caches:
        show.remarks(["No pipeline keeps anything. Write `cache: true` into pipelines/answer.yaml."])
    for place, one in enumerate(found.caches):
        if place:
            show.out.print()
        _print(one)
    if found.semantic:
        show.out.print()
        _semantic(found.semantic)


def _print(found: CacheStats) -> None:
    show.out.print(Text(f"{found.place}: {', '.join(found.pipelines)}", style="bold"))
    if found.error is not None:
        show.out.print(Text(f"  {found.error}"))
        return
    if found.entries:
        table = show.figures("  room", "entries", "size")
        for room, entries in sorted(found.entries.items()):
            table.add_row(f"  {room}", f"{entries:,}", in_bytes(found.size.get(room, 0)))
        show.out.print(table)
    else:
        show.out.print("  It holds nothing.")
    for name, words in _lines(found):
        show.out.print(Text(f"  {name:10}{words}"))


def _lines(found: CacheStats) -> Iterator[tuple[str, str]]:
    figures = found.figures
    for room in ("calls", "semantic", "vectors"):
        hits, misses = figures.get(f"{room}.hit", 0), figures.get(f"{room}.miss", 0)
        if hits + misses:
            joined = figures.get(f"{room}.joined", 0)
            beside = f", {joined:,} joined another one" if joined else ""
            yield room, f"{hits:,} hits, {misses:,} misses: {100 * hits / (hits + misses):.1f} %{beside}"
    tokens = [figures.get(f"calls.saved.{of}_tokens", 0) for of in ("input", "output")]
    if found.saved_usd or any(tokens):
        yield "saved", f"{found.saved_usd:.4f} USD, {tokens[0]:,} input tokens, {tokens[1]:,} output tokens"
    for name, of in (("not kept", "calls.skipped"), ("bypassed", "bypassed")):
        if reasons := found.by_reason(of):
            yield name, _counted(reasons)
    if found.by_reason("semantic.refused"):
        yield "refused", _counted(found.by_reason("semantic.refused"))


def _counted(reasons: Mapping[str, int]) -> str:
    most = sorted(reasons.items(), key=lambda one: (-one[1], one[0]))
    return ", ".join(f"{number:,} {reason}" for reason, number in most)


def _semantic(rows: Sequence[SemanticFigures]) -> None:
    table = Table("semantic", "hits", "watched", "false", "rate", "interval", "bound", "", box=None, pad_edge=False)
    for column in table.columns[1:7]:
        column.justify = "right"
    for row in rows:
        rate = "-" if row.rate is None else _share(row.rate)
        interval = "-" if row.rate is None else f"{_share(row.low)} to {_share(row.high)}"
        counts = (f"{number:,}" for number in (row.hits, row.watched, row.false))
        table.add_row(row.pipeline, *counts, rate, interval, _share(row.bound), "on" if row.on else "off")
    show.out.print(table)


def _share(share: float) -> str:
    return f"{100 * share:.1f} %"
