"""`ragstone tune`: finds the best way to retrieve from the project's documents, and says when there is none."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.markup import escape
from rich.table import Table

from ragstone.assembly import ProjectParts
from ragstone.cli import show
from ragstone.cli.evaluate import bars
from ragstone.cli.options import Debug, Json, PipelineName, Principals, ProjectFolder, Tenant, command
from ragstone.errors import UsageError
from ragstone.evaluation import findings, questions, rewrite
from ragstone.evaluation.datasets import runs
from ragstone.evaluation.datasets.layouts import Judged, read_judged
from ragstone.evaluation.datasets.scratch import opened
from ragstone.evaluation.plots.tuning import svg
from ragstone.evaluation.resampling import interval
from ragstone.evaluation.tune import Row, Tuning, sized, tuned
from ragstone.pipelines.spec import RetrieveSpec
from ragstone.project import Project, find
from ragstone.trace import Trace
from ragstone.types import Context

Origin = Literal["given", "drafted", "collection"]
SAID: dict[Origin, str] = {
    "given": "{count:,} questions of yours.",
    "drafted": "{count:,} questions drafted from headings and first sentences. They repeat the words of the documents, "
    "as real questions do not: search by words looks better here than it is.",
    "collection": "{count:,} questions about a collection of its own, not about this project's documents.",
}


@dataclass(frozen=True, kw_only=True)
class Job:
    """What was asked for."""

    root: Path
    pipeline: str
    questions: Path | None
    draft: Path | None
    sizes: Sequence[int]
    keep: bool
    tenant: str
    principals: frozenset[str]

    def context(self) -> Context:
        """A context of its own for one question. Nothing of it comes from the cache."""
        return Context(tenant=self.tenant, principals=self.principals, cache="off", trace=Trace("tune"))


@dataclass(frozen=True, kw_only=True)
class Found:
    """What was found."""

    tuning: Tuning
    sizes: Tuning | None
    origin: Origin


@command
def tune(
    given: Annotated[
        Path | None,
        typer.Option("--questions", metavar="FILE", help="Questions, one JSON object a line, or a folder as of BEIR."),
    ] = None,
    draft: Annotated[
        Path | None, typer.Option("--draft", metavar="FILE", help="Write the drafted questions there, to be edited.")
    ] = None,
    sizes: Annotated[
        str, typer.Option("--sizes", metavar="N,N", help="Sizes of chunks to compare, in tokens; each is ingested.")
    ] = "",
    plot: Annotated[Path | None, typer.Option("--plot", metavar="FILE.svg", help="Draw the comparison.")] = None,
    write: Annotated[
        bool | None,
        typer.Option(
            "--write/--dry-run",
            help="Write a real gain into the pipeline's file, or not.  [default: only for questions of your own]",
        ),
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the indexes that are made in .ragstone/eval/.")] = False,
    pipeline: PipelineName = "answer",
    as_json: Json = False,
    project: ProjectFolder = Path(),
    principal: Principals = None,
    tenant: Tenant = "default",
    debug: Debug = False,
) -> None:
    """Compare ways to retrieve on your documents, and keep a better one."""
    root = find(project)
    Project(root).require_settings()
    if given and draft:
        raise UsageError("a draft is made where there are no questions", expected="--questions or --draft, not both")
    if plot is not None and not plot.parent.is_dir():  # said now, and not after minutes of measuring
        raise UsageError("there is no such folder", where=str(plot.parent), hint="Make it, or write elsewhere.")
    job = Job(
        root=root,
        pipeline=pipeline,
        questions=given,
        draft=draft,
        sizes=_sizes(sizes),
        keep=keep,
        tenant=tenant,
        principals=frozenset(principal or ()),
    )
    with bars() as told:
        found = asyncio.run(_found(job, told))
    if plot is not None:
        plot.write_text(svg(found.tuning, title=f"{root.name}: ways to retrieve, {_count(found)} questions"), "utf-8")
    wanted = found.origin == "given" if write is None else write
    change = _Change(root / "pipelines" / f"{pipeline}.yaml", found.tuning)
    written = change.possible and wanted
    if written:
        change.write()
    if as_json:
        show.as_json(_as_dict(found, change, written=written))
        return
    _print(found)
    _print_change(change, written=written, asked=write)


async def _found(job: Job, told: runs.Options) -> Found:
    if job.questions is not None and job.questions.is_dir():
        return await _of_collection(job, read_judged(job.questions), told)
    asked = told.get("asked")
    parts = ProjectParts(Project(job.root))
    try:
        answer = await asyncio.to_thread(parts.answer, tenant=job.tenant, pipeline=job.pipeline)
        if await answer.empty():
            raise UsageError("nothing was ingested yet", where=str(job.root), hint="Run: ragstone ingest")
        known = await asyncio.to_thread(questions.documents, answer.index, context=job.context())
        if job.questions is not None:
            uris = [one.uri for one in known]
            asking, origin = questions.read_questions(job.questions, uris=uris), "given"
        else:
            asking, origin = questions.drafted(known), "drafted"
        if job.draft is not None:
            questions.write_questions(job.draft, asking)
        tuning = await tuned(answer, asking, context=job.context, asked=asked)
        size = _size(getattr(answer.index.splitter, "size", None)) if job.sizes else 0
    finally:
        await parts.close()
    data = questions.collection(job.root.name, known, asking)
    return Found(tuning=tuning, sizes=await _of_sizes(job, data, tuning.spec, size, told), origin=origin)


async def _of_collection(job: Job, data: Judged, told: runs.Options) -> Found:
    progress = told.get("progress")
    async with opened(job.root, data, pipeline=job.pipeline, keep=job.keep, progress=progress) as scratch:
        size = _size(getattr(scratch.answer.index.splitter, "size", None)) if job.sizes else 0
        tuning = await tuned(
            scratch.answer, data.questions, context=lambda: scratch.context("tune"), asked=told.get("asked")
        )
    return Found(tuning=tuning, sizes=await _of_sizes(job, data, tuning.spec, size, told), origin="collection")


async def _of_sizes(job: Job, data: Judged, spec: RetrieveSpec, size: int, told: runs.Options) -> Tuning | None:
    """The current size stands first. It is ingested once more, so that all sizes are made of the same texts."""
    if not job.sizes:
        return None
    return await sized(
        job.root,
        data,
        [size, *job.sizes],
        spec=spec,
        pipeline=job.pipeline,
        keep=job.keep,
        asked=told.get("asked"),
    )


def _sizes(text: str) -> list[int]:
    try:
        found = [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        found = [0]
    if any(size < 1 for size in found):
        raise UsageError("--sizes is no list of sizes", expected="numbers of tokens, such as 100,200", found=text)
    return found


def _size(found: object) -> int:
    if not isinstance(found, int):
        raise UsageError("the splitter of this project knows no size", expected="`split` with a size", where="--sizes")
    return found


# ── Showing ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _count(found: Found) -> int:
    return len(found.tuning.choosing) + len(found.tuning.judging)


def _print(found: Found) -> None:
    show.out.print(_table("nDCG@10", found.tuning))
    show.out.print()
    if found.sizes is not None:
        show.out.print(_table("size of chunks", found.sizes))
        show.out.print()
    show.out.print("* best on the half of the questions that chooses; the other half judges.", style="dim")
    show.out.print(SAID[found.origin].format(count=_count(found)))
    said = Table.grid("", "", padding=(0, 1))
    for sentence in _sentences(found):
        said.add_row("-", escape(sentence))
    show.out.print(said)


def _sentences(found: Found) -> list[str]:
    return [*findings.findings(found.tuning), *([findings.size_findings(found.sizes)] if found.sizes else [])]


def _table(title: str, tuning: Tuning) -> Table:
    table = Table(title, "mean", "95 %", "change", "95 %", "p", box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify, column.no_wrap = "right", True
    for row in tuning.rows:
        table.add_row(*_cells(row, tuning), style="bold" if row is tuning.current else None)
    return table


def _cells(row: Row, tuning: Tuning) -> list[str]:
    low, high = interval(list(row.each.values()))
    name = f"{row.name} *" if row is tuning.chosen else row.name
    cells = [name, f"{row.mean():.3f}", f"{low:.3f}–{high:.3f}"]
    if row is tuning.current:
        return [*cells, "", "", ""]
    over = row.over(tuning.current)
    low, high = over.interval
    return [*cells, f"{over.mean:+.3f}", f"{low:+.3f} to {high:+.3f}", f"{over.p:.3f}"]


def _as_dict(found: Found, change: _Change, *, written: bool) -> dict[str, Any]:
    return {
        **found.tuning.as_dict(),
        "origin": found.origin,
        "sizes": found.sizes.as_dict() if found.sizes else None,
        "findings": _sentences(found),
        "retrieve": change.keys,
        "written": str(change.path) if written else None,
    }


# ── Writing ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Change:
    """What a real gain changes in the pipeline's file; nothing without one."""

    def __init__(self, path: Path, tuning: Tuning) -> None:
        self.path = path
        self.keys = rewrite.changes(tuning.current.spec, tuning.spec)
        whole = path.read_bytes().decode("utf-8")
        self.mark, self.before = whole[: whole.startswith("\ufeff")], whole.removeprefix("\ufeff")
        self.after = rewrite.rewritten(self.before, self.keys, path=path) if self.keys else None

    @property
    def possible(self) -> bool:
        """Whether there is something to write, and it can be written."""
        return self.after is not None

    def write(self) -> None:
        """Writes the file."""
        assert self.after is not None
        self.path.write_bytes((self.mark + self.after).encode())

    def lines(self) -> list[str]:
        """The lines that go and those that come."""
        told = difflib.ndiff(self.before.splitlines(), (self.after or "").splitlines())
        return [line for line in told if line[:1] in "-+"]


def _print_change(change: _Change, *, written: bool, asked: bool | None) -> None:
    if not change.keys:
        return
    show.out.print()
    name = f"pipelines/{change.path.name}"
    if not change.possible:
        show.out.print(f"{name} cannot be edited without harm. Write there:\n\n{escape(rewrite.lines(change.keys))}")
        return
    if written:
        show.out.print(f"{name} was changed:")
    else:
        why = "" if asked is False else " To write it: --write"
        show.out.print(f"{name} was not changed. It would be:{why}")
    for line in change.lines():
        show.out.print(f"  {escape(line)}", style="green" if line.startswith("+") else "red", soft_wrap=True)
