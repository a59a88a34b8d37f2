"""`ragstone key`: who may ask over HTTP."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Annotated, cast

import typer
from rich.table import Table
from rich.text import Text

import ragstone
from ragstone.cli import show
from ragstone.cli.options import Debug, Json, ProjectFolder, command
from ragstone.errors import UsageError
from ragstone.state.keys import Grant, Key
from ragstone.terms import Period

app = typer.Typer(name="key", help="Make keys for the HTTP service, list and revoke them.", no_args_is_help=True)

DAY = 86_400.0
UNITS = {"h": DAY / 24, "d": DAY, "w": 7 * DAY, "y": 365 * DAY}
BUDGET = re.compile(r"(\d+(?:\.\d+)?)/(day|month)")

Principals = Annotated[
    list[str] | None,
    typer.Option("--principals", "--principal", metavar="P", help="Who asks with it: a user or group. Repeatable."),
]


@app.command()
@command
def create(
    name: Annotated[str, typer.Argument(help="What you call it, and how the ledger names it.")],
    tenant: Annotated[str, typer.Option(metavar="T", help="Whose documents it may ask.")] = "default",
    principals: Principals = None,
    admin: Annotated[
        bool, typer.Option("--admin", help="It may act for any tenant and principals, ingest, and read costs.")
    ] = False,
    requests: Annotated[int | None, typer.Option(help="Requests a minute at most.")] = None,
    tokens: Annotated[int | None, typer.Option(help="Tokens of models a minute at most.")] = None,
    budget: Annotated[str, typer.Option(metavar="USD/PERIOD", help="What models may cost: 5/day, 100/month.")] = "",
    expires: Annotated[str, typer.Option(metavar="TIME", help="When it ends: 12h, 90d, 52w, 1y from now.")] = "",
    as_json: Json = False,
    project: ProjectFolder = Path(),
    debug: Debug = False,
) -> None:
    """Make a key, and print it: this once."""
    usd, period = _budget(budget)
    grant = Grant(
        name=name,
        tenant=tenant,
        principals=tuple(dict.fromkeys(principals or ())),
        admin=admin,
        requests=requests,
        tokens=tokens,
        usd=usd,
        period=period,
        expires=_expires(expires),
    )
    if joined := next((one for one in grant.principals if "," in one), None):
        hint = "Repeat the option: " + " ".join(f"--principals {one.strip()}" for one in joined.split(","))
        raise UsageError("a principal holds a comma", found=repr(joined), hint=hint)
    with ragstone.open(project) as rag:
        first = not rag.keys().exist()
        made = rag.keys().create(grant)
    if as_json:
        show.as_json({**made.key.as_dict(), "token": made.token})
        return
    show.out.print(made.token, soft_wrap=True, highlight=False)
    show.remarks([f"Keep it now: nobody can read it again. {_allowed(made.key)}."])
    if first:
        show.remarks(["It is the first key: from now on the service asks every caller for one."])


@app.command(name="list")
@command
def list_(as_json: Json = False, project: ProjectFolder = Path(), debug: Debug = False) -> None:
    """List the keys, the newest first, without their secrets."""
    with ragstone.open(project) as rag:
        found = rag.keys().all()
    if as_json:
        show.as_json([key.as_dict() for key in found])
        return
    if not found:
        show.remarks(["There are no keys: the service answers callers on this machine alone."])
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("name", "state", "made", "ends", "allows"):
        table.add_column(heading, no_wrap=heading in ("state", "made", "ends"), overflow="fold")
    now = time.time()
    for key in found:
        ends = key.revoked if key.revoked is not None else key.expires
        table.add_row(*map(Text, (key.name, key.state(now), _date(key.created), _date(ends), _allowed(key))))
    show.out.print(table)


@app.command()
@command
def revoke(
    name: Annotated[str, typer.Argument(help="Its name or id.")],
    as_json: Json = False,
    project: ProjectFolder = Path(),
    debug: Debug = False,
) -> None:
    """End a key, from the next request on."""
    with ragstone.open(project) as rag:
        ended = rag.keys().revoke(name)
    if as_json:
        show.as_json(ended.as_dict())
    else:
        show.remarks([f"{ended.name} is revoked."])


def _budget(given: str) -> tuple[float | None, Period]:
    if not given:
        return None, "month"
    parts = BUDGET.fullmatch(given.strip())
    if parts is None:
        raise UsageError("the budget is wrong", where="--budget", expected="USD a period: 5/day", found=given)
    return float(parts[1]), cast("Period", parts[2])


def _expires(given: str) -> float | None:
    if not given:
        return None
    parts = re.fullmatch(r"(\d{1,5})([hdwy])", given.strip())
    if parts is None:
        raise UsageError("the time is wrong", where="--expires", expected="12h, 90d, 52w or 1y", found=given)
    return time.time() + int(parts[1]) * UNITS[parts[2]]


def _date(when: float | None) -> str:
    return "" if when is None else time.strftime("%Y-%m-%d", time.localtime(when))


def _allowed(key: Key) -> str:
    """In words: whose documents, and how much."""
    words = ["everything" if key.admin else f"tenant {key.tenant}"]
    words += [f"as {', '.join(key.principals)}"] if key.principals else [] if key.admin else ["what is public"]
    words += [f"{key.requests:,} requests a minute"] if key.requests is not None else []
    words += [f"{key.tokens:,} tokens a minute"] if key.tokens is not None else []
    words += [f"{key.usd:g} USD a {key.period}"] if key.usd is not None else []
    return "; ".join(words)
