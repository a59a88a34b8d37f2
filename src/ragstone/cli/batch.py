"""`ragstone batch`: a file of questions, answered side by side into a file of answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

import ragstone
from ragstone.batch.asking import CONCURRENCY
from ragstone.batch.lines import STANDARD
from ragstone.batch.results import BatchProgress, BatchReport
from ragstone.cli import show
from ragstone.cli.options import (
    FAILED,
    As,
    Debug,
    Json,
    PipelineName,
    Principals,
    ProjectFolder,
    Tenant,
    command,
)
from ragstone.errors import RagstoneError, UsageError

EVERY = 30.0  # seconds between two lines of progress where there is no terminal

Told = Callable[[BatchProgress], None]


@command
def batch(
    questions: Annotated[
        Path, typer.Argument(metavar="QUESTIONS", help="A question on each line, as JSON. `-` reads standard input.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Where the answers go. `-` is standard output.")
    ],
    concurrency: Annotated[
        int, typer.Option("--concurrency", metavar="N", help="How many questions are asked at once.")
    ] = CONCURRENCY,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Ask the questions again whose line is an error.")
    ] = False,
    prompt: As = None,
    k: Annotated[int | None, typer.Option("--k", help="How many passages to answer from.")] = None,
    pipeline: PipelineName = "answer",
    as_json: Json = False,
    project: ProjectFolder = Path(),
    principal: Principals = None,
    tenant: Tenant = "default",
    debug: Debug = False,
) -> None:
    """Answer a file of questions, a line each; run again, it goes on. Exit code 1 means that some lines failed."""
    if as_json and output == STANDARD:
        raise UsageError("the answers and the report cannot both go to standard output", expected="-o FILE with --json")
    with ragstone.open(project) as rag, _told() as progress:
        try:
            asked = rag.batch(
                questions,
                concurrency=concurrency,
                prompt=prompt,
                k=k,
                principals=principal or (),
                tenant=tenant,
                pipeline=pipeline,
            )
            report = asked.write(output, retry_failed=retry_failed, progress=progress)
        except RagstoneError as error:
            begun = output != STANDARD and Path(output).exists() and not isinstance(error, UsageError)
            if begun:
                show.remarks(["What was answered is kept. Run the same command again to go on."])
            raise
    if as_json:
        show.as_json(report.as_dict())
    else:
        (show.err if output == STANDARD else show.out).print(_summary(report), markup=False, soft_wrap=True)
    if report.failed:
        again = "" if output == STANDARD else " To ask them again: --retry-failed"
        show.remarks([f"{report.failed:,} failed: each has its error on its line.{again}"])
        raise typer.Exit(FAILED)


@contextmanager
def _told() -> Generator[Told]:
    """A bar on a terminal; elsewhere a line now and then."""
    if not show.err.is_terminal:
        yield _Lines().told
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[facts]}"))
    with show.progress(*columns, TimeElapsedColumn(), TimeRemainingColumn()) as bar:
        task = bar.add_task("Asking", total=None, facts="")
        rate = _Rate()

        def told(done: BatchProgress) -> None:
            if done.waiting:
                show.remarks([done.waiting])
            bar.update(task, completed=done.report.done, total=done.total, facts=_facts(done.report, rate))

        yield told


class _Rate:
    """Questions a second since the first news."""

    def __init__(self) -> None:
        self._begun: tuple[float, int] | None = None

    def of(self, report: BatchReport) -> float:
        now = time.monotonic()
        if self._begun is None:
            self._begun = now, report.earlier
        since, _ = self._begun
        return (report.done - report.earlier) / (now - since) if now > since else 0.0


class _Lines:
    def __init__(self) -> None:
        self._rate, self._last = _Rate(), time.monotonic()

    def told(self, done: BatchProgress) -> None:
        rate, now = self._rate, time.monotonic()
        facts = _facts(done.report, rate)
        if done.waiting:
            show.remarks([done.waiting])
        elif now - self._last >= EVERY:
            self._last = now
            of = f" of {done.total:,}" if done.total is not None else ""
            left = (done.total - done.report.done) / speed if done.total and (speed := rate.of(done.report)) else None
            show.remarks([f"{done.report.done:,}{of}, {facts}{f', {left:,.0f} s left' if left is not None else ''}"])


def _facts(report: BatchReport, rate: _Rate) -> str:
    parts = [f"{rate.of(report):.1f}/s"]
    if report.cost:
        parts.append(f"{report.cost:.4f} USD")
    if report.failed:
        parts.append(f"{report.failed:,} failed")
    return ", ".join(parts)


def _summary(report: BatchReport) -> str:
    if not report.done:
        return "There was no question."
    earlier = f", {report.earlier:,} of them before" if report.earlier else ""
    money = f", {report.cost:.4f} USD" if report.cost else ""
    abstained = f", {report.abstained:,} without an answer in the documents" if report.abstained else ""
    return (
        f"{report.done:,} questions{earlier}: {report.answered:,} answered{abstained}, {report.failed:,} failed. "
        f"{report.input_tokens:,} tokens in, {report.output_tokens:,} out{money}, in {report.seconds:.1f} s."
    )
