"""`ragstone eval`: measures the project's pipelines on questions whose answers are known."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from ragstone.cli import show
from ragstone.cli.caches.measuring import measure_pairs
from ragstone.cli.evals.contaminated import contamination
from ragstone.cli.evals.drafting import new_suite
from ragstone.cli.evals.drifting import drift
from ragstone.cli.evals.judging import judge_labels, prefer
from ragstone.cli.evals.reporting import export_run, list_runs, report_run
from ragstone.cli.evals.running import compare_runs, gate_run, run_suite
from ragstone.cli.options import Debug, Json, PipelineName, ProjectFolder, command
from ragstone.cli.pictures import check_plot, write_plot
from ragstone.errors import UsageError
from ragstone.evaluation.abstaining import Abstaining, abstaining
from ragstone.evaluation.datasets import runs
from ragstone.evaluation.datasets.report import Report
from ragstone.evaluation.plots.abstaining import drawn
from ragstone.project import Project, find
from ragstone.reports import Progress as Done

app = typer.Typer(
    name="eval", help="Measure the project's pipelines on questions with known answers.", no_args_is_help=True
)

app.command("new")(new_suite)
app.command("run")(run_suite)
app.command("gate")(gate_run)
app.command("compare")(compare_runs)
app.command("report")(report_run)
app.command("runs")(list_runs)
app.command("export")(export_run)
app.command("contamination")(contamination)
app.command("drift")(drift)
app.command("cache")(measure_pairs)
app.command("judge")(judge_labels)
app.command("prefer")(prefer)

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The data set's folder.")]
Keep = Annotated[bool, typer.Option("--keep", help="Keep the index in .ragstone/eval/: the next run starts with it.")]
PerQuery = Annotated[
    Path | None, typer.Option("--per-query", metavar="FILE", help="Write each question's figures, one JSON a line.")
]
Language = Annotated[str, typer.Option("--lang", metavar="XX", help="Only passages and questions of one language.")]
Run = Callable[[Path, runs.Options], Awaitable[Report]]


@app.command()
@command
def retrieval(
    folder: Folder,
    keep: Keep = False,
    per_query: PerQuery = None,
    pipeline: PipelineName = "answer",
    as_json: Json = False,
    project: ProjectFolder = Path(),
    debug: Debug = False,
) -> None:
    """Documents with relevance judgements: corpus.jsonl, queries.jsonl, qrels.tsv (BEIR's layout)."""
    _measure(lambda root, options: runs.retrieval(root, folder, **options), project, pipeline, keep, per_query, as_json)


@app.command()
@command
def chunks(
    folder: Folder,
    keep: Keep = False,
    per_query: PerQuery = None,
    pipeline: PipelineName = "answer",
    as_json: Json = False,
    project: ProjectFolder = Path(),
    debug: Debug = False,
) -> None:
    """Whole documents with evidence spans: corpora/*.md, questions.jsonl (chunking_evaluation's layout)."""
    _measure(lambda root, options: runs.chunks(root, folder, **options), project, pipeline, keep, per_query, as_json)


@app.command()
@command
def qa(
    folder: Folder,
    lang: Language = "",
    keep: Keep = False,
    per_query: PerQuery = None,
    pipeline: PipelineName = "answer",
    as_json: Json = False,
    project: ProjectFolder = Path(),
    debug: Debug = False,
) -> None:
    """Passages with questions and answers: passages.jsonl, questions.jsonl."""
    _measure(
        lambda root, options: runs.answers(root, folder, lang=lang, **options),
        project,
        pipeline,
        keep,
        per_query,
        as_json,
    )


@app.command()
@command
def abstain(
    folder: Folder,
    lang: Language = "",
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", min=1, help="Questions of each language, spread over all.")
    ] = None,
    plot: Annotated[Path | None, typer.Option("--plot", metavar="FILE.png|svg", help="Draw risk and coverage.")] = None,
    keep: Keep = False,
    pipeline: PipelineName = "answer",
    as_json: Json = False,
    project: ProjectFolder = Path(),
    debug: Debug = False,
) -> None:
    """Each question with its passage and without: how often the extractive model answers, and rightly does not."""
    check_plot(plot)
    root = find(project)
    Project(root).require_settings()
    with bars() as told:
        options: runs.Options = {"pipeline": pipeline, "keep": keep, **told}
        found = asyncio.run(abstaining(root, folder, lang=lang, limit=limit, **options))
    if plot is not None:
        write_plot(plot, drawn(found, title=f"{folder.resolve().name}: what abstaining buys"))
    if as_json:
        show.as_json({language or "all": one.as_dict() for language, one in found.items()})
    else:
        _print_abstaining(found)


def _measure(run: Run, project: Path, pipeline: str, keep: bool, per_query: Path | None, as_json: bool) -> None:
    root = find(project)
    Project(root).require_settings()
    if per_query is not None and not per_query.parent.is_dir():  # said now, not after an hour
        raise UsageError("there is no such folder", where="--per-query", found=str(per_query.parent))
    with bars() as told:
        report = asyncio.run(_awaited(run(root, {"pipeline": pipeline, "keep": keep, **told})))
    if per_query is not None:
        lines = (json.dumps({"id": id_, **figures}, ensure_ascii=False) for id_, figures in report.each.items())
        per_query.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    if as_json:
        show.as_json(report.as_dict())
    else:
        _print(report)


async def _awaited(report: Awaitable[Report]) -> Report:
    return await report


@contextmanager
def bars() -> Generator[runs.Options]:
    """A bar for the ingestion and one for the questions, on stderr."""
    with show.progress() as bar:
        ingesting = bar.add_task("Ingesting", total=None)
        asking = bar.add_task("Asking", total=None, visible=False)

        def ingested(done: Done) -> None:
            bar.update(ingesting, completed=done.done, total=max(done.total, 1))

        def asked(done: int, total: int) -> None:
            bar.update(ingesting, visible=False)
            bar.update(asking, visible=True, completed=done, total=total)

        yield {"progress": ingested, "asked": asked}


def _print(report: Report) -> None:
    table = show.figures("metric", "mean", "95 % interval")
    for name, mean in report.metrics.items():
        low, high = report.intervals[name]
        table.add_row(name, f"{mean:.4f}", f"{low:.4f}–{high:.4f}")
    show.out.print(table)
    p50, p95 = report.milliseconds
    show.out.print(
        f"\n{report.queries:,} questions, {report.documents:,} documents, {report.chunks:,} chunks, "
        f"{report.seconds:.1f} s in all; {p50:.1f} ms a question (p95 {p95:.1f})."
    )


def _print_abstaining(found: Mapping[str, Abstaining]) -> None:
    table = show.figures("", "n", "answered", "95 %", "refused", "95 %", "right", "AURC")
    for language, one in found.items():
        said, kept = (f"{100 * low:.0f}–{100 * high:.0f}" for low, high in one.intervals.values())
        shares = (f"{100 * share:.1f} %" for share in (one.answered, one.refused, one.right))
        answered, refused, right = shares
        count = f"{len(one.asked) // 2:,}"
        table.add_row(language or "all", count, answered, said, refused, kept, right, f"{one.aurc:.3f}")
    show.out.print(table)
    seconds = sum(one.seconds for one in found.values())
    show.out.print(
        "\nanswered: with the passage that answers; refused: without it; right: of the answers given with it; "
        f"AURC: mean risk over coverage, less is better. {seconds:.1f} s in all."
    )
