"""How data looks on a terminal: data on stdout, progress and remarks on stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from ragstone.reports import Stage
from ragstone.sync import Stream
from ragstone.types import Answer, Citation, Hit

__all__ = [
    "answer",
    "as_json",
    "as_json_line",
    "counting",
    "err",
    "figures",
    "hits",
    "near",
    "out",
    "place",
    "plain",
    "progress",
    "remarks",
    "stages",
    "streamed",
]

EXCERPT = 300  # characters of a hit
SHOWN = 5  # candidates of a stage


class _Console(Console):
    def on_broken_pipe(self) -> None:
        raise BrokenPipeError  # the command decides how it ends; rich would, with the code of a failure


out = _Console(highlight=False, soft_wrap=False)
err = Console(stderr=True, highlight=False)


def as_json(value: Any) -> None:
    """Prints one JSON value, in one piece."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def as_json_line(value: Any) -> None:
    """Prints one JSON value on one line, at once: another program may be waiting for it."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def progress(*columns: ProgressColumn) -> Progress:
    """A bar on stderr that goes when it is done; where stderr is no terminal there is none.

    Without columns it says what is done, how many of how many, and since when.
    """
    usual = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*(columns or usual), console=err, transient=True, disable=not err.is_terminal)


@contextmanager
def counting(title: str, total: int | None = None) -> Generator[Callable[[int, int], None]]:
    """A bar for one thing, which is told how many are done and how many there will be."""
    with progress() as bar:
        task = bar.add_task(title, total=total)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def figures(*titles: str) -> Table:
    """An empty table of what has a name in its first column, and figures in all others."""
    table = Table(*titles, box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    return table


def plain(text: str) -> str:
    """Words of others without what would steer the terminal."""
    return "".join(c if c.isprintable() else " " for c in text)


def near(path: Path) -> str:
    """The path as seen from here, or the whole of it where that is shorter."""
    relative = os.path.relpath(path)
    return relative if len(relative) < len(str(path)) else str(path)


def place(root: Path, uri: str, *, line: int | None, page: int | None) -> str:
    """`path:line` as seen from here, so that a terminal opens it; a page where the format has no lines of its own."""
    shown = "".join(c if c.isprintable() else "?" for c in near(root / uri))
    if page is not None:
        return f"{shown}, page {page}"
    return f"{shown}:{line}" if line else shown


def answer(found: Answer, *, root: Path) -> None:
    """The text, then each citation with its place and its words."""
    out.print(Text(found.text))
    for citation in found.citations:
        out.print()
        _citation(citation, root)
    notices = [*found.notices, *(["Answered from the cache."] if found.cached else [])]
    if notices:
        err.print()
    remarks(notices)
    if (share := found.completion.confidence) is not None:
        remarks([f"confidence: {100 * share:.0f} % of the samples agree ({found.completion.calls} calls)"])
    elif found.confidence is not None:
        remarks([f"confidence: {100 * found.confidence:.0f} % of the sentences are supported by the passages"])
    for verdict in found.verdicts:
        if not verdict.passed and verdict.action in ("", "flagged"):  # what was done stands in a notice, reason and all
            remarks([f"{verdict.check}: {verdict.reason}"])


def _citation(citation: Citation, root: Path) -> None:
    where = place(root, citation.uri, line=citation.line, page=citation.page)
    heading = f"  {escape(citation.heading)}" if citation.heading else ""
    out.print(f"[bold cyan]\\[{citation.number}][/] [cyan]{escape(where)}[/][dim]{heading}[/]", soft_wrap=True)
    out.print(Padding(Text(f"“{' '.join(citation.quote.split())}”", style="italic"), (0, 0, 0, 4), expand=False))


def hits(found: Sequence[Hit], *, root: Path) -> None:
    """Each hit with its place, its scores and the beginning of its text."""
    for hit in found:
        chunk = hit.chunk
        where = place(root, chunk.uri, line=chunk.line_at(chunk.start), page=chunk.page_at(chunk.start))
        scores = "  ".join(f"{name} {score:.3f}" for name, score in hit.scores.items())
        out.print(f"[bold]{hit.rank}.[/] [cyan]{escape(where)}[/]  [dim]{scores}[/]", soft_wrap=True)
        words = " ".join(chunk.text.split())
        text = words if len(words) <= EXCERPT else words[:EXCERPT].rsplit(" ", 1)[0] + " …"
        out.print(Padding(Text(text), (0, 0, 0, 3), expand=False))
        out.print()
    if not found:
        remarks(["Nothing was found."])


def remarks(lines: Sequence[str]) -> None:
    """What a person should know beside the data, on stderr."""
    for line in lines:
        err.print(Text(line, style="dim"), soft_wrap=not err.is_terminal)


def stages(found: Sequence[Stage], *, root: Path) -> None:
    """Each stage of a search on a line, its best candidates below it."""
    for stage in found:
        facts = ", ".join(f"{name} {_fact(value)}" for name, value in stage.facts.items())
        out.print(Text(f"{stage.name:20} {stage.milliseconds:7.1f} ms   {facts}", style="bold"), soft_wrap=True)
        for rank, (chunk, score) in enumerate(stage.best[:SHOWN], 1):
            where = place(root, chunk.uri, line=chunk.line, page=chunk.page_at(chunk.start))
            said = " ".join(chunk.text.split())
            line = Text(f"{rank:4} {score:9.4f}  {where}  {said}", overflow="ellipsis", no_wrap=True)
            out.print(line, overflow="ellipsis", no_wrap=True, crop=True)


def _fact(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def streamed(stream: Stream) -> Answer:
    """Shows the words while they come, on a terminal only, and clears them for the checked answer."""
    if not err.is_terminal:
        for _ in stream:
            pass
        return stream.answer
    words = Text("…", style="dim")
    with Live(words, console=err, transient=True, vertical_overflow="visible") as live:
        said = ""
        for delta in stream:
            said = delta.text if delta.restart else said + delta.text
            live.update(Text(said, style="dim"))
    return stream.answer
