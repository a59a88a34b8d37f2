"""`ragstone costs`: what models have cost, and what a server's own log says of it."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, cast

import typer
from pydantic import BaseModel, Field, ValidationError
from rich.table import Table
from rich.text import Text

import ragstone
from ragstone.assembly import ProjectParts
from ragstone.cli import show
from ragstone.cli.options import Debug, Json, ProjectFolder, command
from ragstone.errors import UsageError
from ragstone.evaluation.plots.costs import KINDS, drawn
from ragstone.inference.accounting import Reconciled, reconcile
from ragstone.project import Project, find
from ragstone.spending import Costs, Spent
from ragstone.types import Context
from ragstone.usage import NANO, Usage

Column: TypeAlias = Literal["day", "tenant", "key", "model"]
COLUMNS: dict[Column, Callable[[Spent], str]] = {
    "day": lambda row: row.day,
    "tenant": lambda row: row.account.tenant,
    "key": lambda row: row.account.key or "-",
    "model": lambda row: row.account.model,
}
MILLION = 1_000_000
NAMES = 34  # characters of a row for all its names


@command
def costs(
    by: Annotated[
        list[str] | None, typer.Option("--by", metavar="WORD", help="day, tenant, key or model; repeatable.")
    ] = None,
    since: Annotated[str, typer.Option("--since", metavar="DAY", help="The first day.  [default: this month's]")] = "",
    until: Annotated[str, typer.Option("--until", metavar="DAY", help="The last day.  [default: today]")] = "",
    tenant: Annotated[str | None, typer.Option("--tenant", metavar="T", help="One tenant's alone.")] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Draw each day's costs, as .svg or .png.")
    ] = None,
    log: Annotated[
        Path | None,
        typer.Option("--reconcile", metavar="FILE", help="Settle calls by a server's log: one JSON object a line."),
    ] = None,
    whole: Annotated[
        bool, typer.Option("--whole", help="That log holds every call: release those that it does not know.")
    ] = False,
    as_json: Json = False,
    project: ProjectFolder = Path(),
    debug: Debug = False,
) -> None:
    """Show what models have cost, by day and model. Days are those of UTC."""
    columns = _columns(by or ["day", "model"])
    if plot is not None and (plot.suffix not in KINDS or not plot.parent.is_dir()):
        raise UsageError("that is no place for a picture", where=str(plot), expected="a file .svg or .png in a folder")
    if whole and log is None:
        raise UsageError("--whole says something of a log", expected="--reconcile FILE --whole")
    held = asyncio.run(_reconciled(Project(find(project)), read_log(log), whole)) if log is not None else None
    with ragstone.open(project) as rag:
        found = rag.costs(since=since, until=until, tenant=tenant)
    if plot is not None:
        by_model = _last(columns)
        parts = [(row.day, COLUMNS[by_model](row), row.nano / NANO) for row in found.spent]
        plot.write_bytes(drawn(parts, title=f"{find(project).name}: costs by {by_model}", kind=plot.suffix))
    if as_json:
        show.as_json({**found.as_dict(), **({"reconciled": asdict(held)} if held else {})})
        return
    if held is not None:
        show.remarks([_said(held)])
    if not found.spent and not found.open:
        show.remarks(["Nothing was spent."])
        return
    show.out.print(_table(found.spent, columns))
    show.remarks([*_remarks(found), *_unpriced(Project(find(project)), found)])


def _columns(given: Sequence[str]) -> list[Column]:
    words = [word for several in given for word in several.split(",")]
    for word in words:
        if word not in COLUMNS:
            raise UsageError("that is no column", where="--by", expected="one of " + ", ".join(COLUMNS), found=word)
    return cast("list[Column]", list(dict.fromkeys(words)))


def _last(columns: Sequence[Column]) -> Column:
    """What the parts of a day are."""
    for column in reversed(columns):
        if column != "day":
            return column
    return "model"


# ── A server's log ──────────────────────────────────────────────────────────────────────────────────────────────────


class _Line(BaseModel):
    id: str = Field(min_length=1)
    input_tokens: int = Field(ge=0)
    output_tokens: int = Field(ge=0)
    cached_tokens: int = Field(default=0, ge=0)
    written_tokens: int = Field(default=0, ge=0)


def read_log(path: Path) -> dict[str, Usage]:
    """The tokens of each id; those of several lines of one id add up. Raises UsageError for a line that is none."""
    found: dict[str, Counter[str]] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise UsageError(f"cannot be read: {error}", where=str(path)) from None
    for number, text in enumerate(lines, 1):
        if not text.strip():
            continue
        try:
            line = _Line.model_validate(json.loads(text)).model_dump()
        except json.JSONDecodeError as error:
            raise UsageError(f"is no JSON: {error.msg}", where=f"{path}:{number}:{error.colno}") from None
        except ValidationError as error:
            detail = error.errors()[0]
            key = ".".join(map(str, detail["loc"])) or "the line"
            raise UsageError(
                f"{key}: {detail['msg'][:1].lower()}{detail['msg'][1:]}",
                where=f"{path}:{number}:1",
                expected='such as {"id": "…", "input_tokens": 900, "cached_tokens": 0, "output_tokens": 40}',
            ) from None
        found.setdefault(line.pop("id"), Counter()).update(line)
    return {name: Usage(**figures) for name, figures in found.items()}


async def _reconciled(project: Project, log: dict[str, Usage], whole: bool) -> Reconciled:
    parts = ProjectParts(project)
    try:
        ledgers = await asyncio.to_thread(parts.ledgers)
        each = [await reconcile(ledger, log, whole=whole, context=Context()) for ledger in ledgers]
    finally:
        await parts.close()
    sums: Counter[str] = Counter()
    for one in each:
        sums.update(asdict(one))
    return Reconciled(**cast("dict[str, Any]", {name: sums[name] for name in asdict(each[0])}))


# ── Showing ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _said(held: Reconciled) -> str:
    change = f"{abs(held.usd):.6f} USD {'more' if held.usd > 0 else 'less'} than before"
    return (
        f"Reconciled: {held.settled:,} open calls settled, {held.corrected:,} estimates corrected,"
        f" {held.released:,} released; {held.left:,} stay open. {change}."
    )


def _table(spent: Sequence[Spent], columns: Sequence[Column]) -> Table:
    table = Table(box=None, pad_edge=False, show_footer=len(spent) > 1)
    rows: dict[tuple[str, ...], list[Spent]] = {}
    for row in spent:
        rows.setdefault(tuple(COLUMNS[column](row) for column in columns), []).append(row)
    total = _figures(spent)
    named = len(columns) - ("day" in columns)
    for place, column in enumerate(columns):
        most = 10 if column == "day" else max(5, (NAMES - 10 * ("day" in columns)) // named - 2)
        footer = "total" if place == 0 else ""
        table.add_column(column, footer, no_wrap=True, overflow="ellipsis", min_width=5, max_width=most)
    for heading, figure in zip(("calls", "input", "cached", "output", "USD"), total, strict=True):
        table.add_column(heading, figure, justify="right", no_wrap=True)
    for names in sorted(rows):
        table.add_row(*(_plain(name) for name in names), *_figures(rows[names]))
    return table


def _figures(rows: Sequence[Spent]) -> list[str]:
    tokens = [
        sum(row.usage.input_tokens for row in rows),
        sum(row.usage.cached_tokens for row in rows),
        sum(row.usage.output_tokens for row in rows),
    ]
    usd = sum(row.nano for row in rows) / NANO
    calls = sum(row.requests for row in rows)
    return [f"{calls:,}", *map(_tokens, tokens), f"{usd:,.2f}" if usd >= 100 else f"{usd:.4f}"]


def _tokens(number: int) -> str:
    return f"{number:,}" if number < MILLION else f"{number / MILLION:,.2f}M"


def _plain(name: str) -> Text:
    """As it is, but for what would steer the terminal."""
    return Text("".join(c if c.isprintable() else "?" for c in name))


def _unpriced(project: Project, found: Costs) -> list[str]:
    """Which models of others have no price, so that their tokens count as nothing."""
    spent = {row.account.model for row in found.spent if row.nano == 0 and row.usage.input_tokens}
    lacking: list[str] = []
    for name in sorted(spent):
        located = project.connectors.get(name)
        given = cast("dict[str, Any]", located.value) if located is not None else {"local": True}
        if not (given.get("local") or given.get("price") or given.get("type") == "extractive"):
            lacking.append(name)
    if not lacking:
        return []
    return [f"Without a price, tokens count as 0 USD: {', '.join(lacking)}. Write `price` in the connector's file."]


def _remarks(found: Costs) -> list[str]:
    lines: list[str] = []
    calls = sum(row.requests for row in found.spent if not row.reported)
    if calls:
        lines.append(f"{calls:,} calls broke off: their {found.estimated:.4f} USD are estimated.")
    if found.open:
        most = f"{found.claimed:.4f} USD at most"
        lines.append(f"{len(found.open):,} calls are open, {most}: under way, or of processes that died.")
    if found.open or calls:
        lines.append("A server's log settles them: ragstone costs --reconcile usage.jsonl")
    return lines
