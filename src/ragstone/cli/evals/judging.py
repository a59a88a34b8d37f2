"""`ragstone eval judge` and `ragstone eval prefer`: a judge beside people, and two runs before a judge."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.table import Table
from rich.text import Text

from ragstone.assembly import ProjectParts
from ragstone.cli import show
from ragstone.cli.options import Debug, Json, ProjectFolder, command
from ragstone.cli.prompts.plan import most_cost
from ragstone.errors import PromptError, UsageError, nearest
from ragstone.evaluation.judging.agreement import Agreement
from ragstone.evaluation.judging.asking import Asking
from ragstone.evaluation.judging.beside import Beside, beside
from ragstone.evaluation.judging.grading import Judge
from ragstone.evaluation.judging.labels import BEST, WORST, read_labels
from ragstone.evaluation.judging.pairs import PREFER, Preferring, paired_up
from ragstone.evaluation.judging.preference import Preference
from ragstone.evaluation.outcomes import Outcome
from ragstone.evaluation.reports.wording import counted
from ragstone.evaluation.suites.kept import Run, Runs
from ragstone.pipelines.prompt_tests import PromptTests
from ragstone.project import Project, find
from ragstone.prompts.testing.cases import Case
from ragstone.proportions import wilson
from ragstone.text.grades import JUDGE

__all__ = ["judge_labels", "prefer"]

R = TypeVar("R")

ASKED_FIRST = 100
"""So many calls are made without a question; for more a person says yes."""

SHOWN = 5  # answers without a verdict that are named

Model = Annotated[
    str | None, typer.Option("--model", metavar="NAME", help="The file in connectors/ of the model that judges.")
]
Judging = Annotated[
    str, typer.Option("--pipeline", metavar="NAME", help="The file in pipelines/ whose first model that writes judges.")
]
Yes = Annotated[bool, typer.Option("--yes", help=f"Make more than {ASKED_FIRST} calls without a question.")]
Named = Annotated[
    str, typer.Option("--prompt", metavar="NAME", help="The file in prompts/ that the judge is asked by.")
]
Answers = Annotated[str, typer.Argument(metavar="A", help="A run by its name, or RUN:PIPELINE where it has several.")]
Others = Annotated[str, typer.Argument(metavar="B", help="The run to compare with it.")]


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Where judges sit: the project, and the model that is asked."""

    project: Project
    tests: PromptTests
    yes: bool

    async def announce(self, asking: Asking, inputs: Sequence[Mapping[str, object]], what: str) -> None:
        """Says what will be asked and what that can cost; for many calls a person is asked first. Raises UsageError."""
        file = self.tests.prompt_file(asking.prompt)
        most, costs = 0, list[float | None]()
        for given in inputs:
            with suppress(PromptError, UsageError):  # told when it is asked
                built = await self.tests.built(file, Case(name=asking.prompt, where="", inputs=given))
                most += built.worst_case_calls
                costs.append(most_cost(self.project, built, model=asking.name))
        known = [cost for cost in costs if cost is not None]
        price = _price(sum(known)) if known and len(known) == len(costs) else "no price is known"
        show.remarks([f"{what}: at most {counted(most, 'call')} of {asking.name}, {price}."])
        if self.yes or most <= ASKED_FIRST:
            return
        if not sys.stdin.isatty():
            found, hint = f"up to {most:,} calls", "Add --yes, or take fewer."
            raise UsageError("nobody can be asked whether to go on", expected="--yes", found=found, hint=hint)
        if not await asyncio.to_thread(typer.confirm, f"Make up to {most:,} calls?", err=True):
            raise UsageError("nothing was asked")


@command
def judge_labels(
    labels: Annotated[Path, typer.Argument(metavar="LABELS", help="Grades of people, one JSON object a line.")],
    prompt: Named = JUDGE,
    model: Model = None,
    yes: Yes = False,
    pipeline: Judging = "answer",
    as_json: Json = False,
    project: ProjectFolder = Path(),
    debug: Debug = False,
) -> None:
    """Whether a judge grades as people do: it grades their answers, and each figure says how far they agree."""
    folder = Project(find(project))
    given = read_labels(labels)

    async def asked(bench: Bench) -> tuple[Judge, Beside]:
        judge = Judge.of(bench.tests, prompt=prompt)
        inputs = [judge.inputs(one.question, one.answer, rubric=one.rubric, expected=one.expected) for one in given]
        await bench.announce(judge.asking, inputs, counted(len(given), "answer"))
        with show.counting("Grading") as told:
            return judge, await beside(judge, given, told=told)

    judge, found = _run(folder, asked, pipeline=pipeline, model=model, yes=yes)
    judge.agreement = found.agreement
    notes = [*judge.notes(), *found.notes()]
    if as_json:
        facts = {**found.agreement.as_dict(), "missed": found.missed, "notes": notes}
        show.as_json({**_judge(judge.asking), **facts})
        return
    _print_agreement(found.agreement)
    _print_end(judge.asking, notes, found.missed)


@command
def prefer(
    before: Answers,
    after: Others,
    limit: Annotated[int | None, typer.Option("--limit", metavar="N", min=1, help="Only the first N cases.")] = None,
    prompt: Named = PREFER,
    model: Model = None,
    yes: Yes = False,
    pipeline: Judging = "answer",
    as_json: Json = False,
    project: ProjectFolder = Path(),
    debug: Debug = False,
) -> None:
    """Which of two runs has the better answers: a judge compares them in pairs, each in both orders."""
    folder = Project(find(project))
    first, second = (_answers(Runs(folder.root), said) for said in (before, after))
    pairs = paired_up(first, second)[:limit]
    if not pairs:
        raise UsageError("the two runs answer no case in common", where=f"{before} and {after}")
    asked_of = [one for one in pairs if not one.same]

    async def asked(bench: Bench) -> tuple[Asking, Preference]:
        preferring = Preferring.of(bench.tests, prompt=prompt)
        inputs = [given for one in asked_of for given in preferring.inputs(one)]
        what = f"{counted(len(asked_of), 'pair')} of answers, each in both orders"
        await bench.announce(preferring.asking, inputs, what)
        with show.counting("Comparing") as told:
            return preferring.asking, await preferring.compare(pairs, told=told)

    asking, found = _run(folder, asked, pipeline=pipeline, model=model, yes=yes)
    notes = found.notes(name=asking.name, models=asking.models)
    if as_json:
        show.as_json({"A": before, "B": after, **_judge(asking), **found.as_dict(), "notes": notes})
        return
    _print_preference(found, before, after)
    _print_end(asking, notes, [f"{one.pair.id}: {one.error}" for one in found.missed])


# ── Asking ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _run(
    folder: Project, asked: Callable[[Bench], Coroutine[Any, Any, R]], *, pipeline: str, model: str | None, yes: bool
) -> R:
    parts = ProjectParts(folder)
    with asyncio.Runner() as runner:
        try:
            tests = parts.prompt_tests(pipeline=pipeline, model=model)
            return runner.run(asked(Bench(project=folder, tests=tests, yes=yes)))
        finally:
            runner.run(parts.close())


def _answers(runs: Runs, said: str) -> list[Outcome]:
    """The outcomes of one pipeline of a run. Raises UsageError where it is not clear of which."""
    name, colon, pipeline = said.rpartition(":")
    run = runs.read(name if colon else said)
    if colon and pipeline in run.pipelines:
        return run.of(pipeline)
    if not colon and len(run.pipelines) == 1:
        return run.of(run.pipelines[0])
    raise _unclear(run, pipeline if colon else "")


def _unclear(run: Run, pipeline: str) -> UsageError:
    message = f"the run has no pipeline {pipeline!r}" if pipeline else "the run has answers of several pipelines"
    expected = "one of " + ", ".join(f"{run.name}:{one}" for one in run.pipelines)
    return UsageError(message, where=run.name, expected=expected, hint=nearest(pipeline, run.pipelines))


# ── Showing ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _print_agreement(found: Agreement) -> None:
    table = show.figures("figure", "value", "95 % interval")
    count = found.answers
    for name, share in (("equal grades", found.exact), ("at most one apart", found.within_one)):
        low, high = wilson(round(share * count), count)
        table.add_row(name, f"{100 * share:.1f} %", f"{100 * low:.1f}–{100 * high:.1f} %")
    ends = "" if found.kappa_interval is None else "{:.2f} to {:.2f}".format(*found.kappa_interval)
    table.add_row("Cohen's kappa, quadratic", _number(found.kappa), ends)
    table.add_row("Spearman's rho", _number(found.rho), "")
    low, high = found.leniency_interval
    table.add_row("mean grade less people's", f"{found.leniency:+.2f}", f"{low:+.2f} to {high:+.2f}")
    show.out.print(table)
    show.out.print()
    grades = [str(grade) for grade in range(WORST, BEST + 1)]
    counts = show.figures("people \\ judge", *grades)
    for grade, row in zip(grades, found.table, strict=True):
        counts.add_row(grade, *(str(one) if one else "·" for one in row))
    show.out.print(counts)


def _print_preference(found: Preference, before: str, after: str) -> None:
    table = show.figures("verdict", "count", "share", "95 % interval")
    decided = len(found.compared) - len(found.missed)
    rows = [
        (f"A better: {before}", found.count("A"), decided),
        (f"B better: {after}", found.count("B"), decided),
        ("tie", found.count("tie"), decided),
        ("same verdict in both orders", *found.consistency),
        ("other verdicts: lean to the first place", *found.first),
        ("wins: the longer answer", *found.longer),
    ]
    for name, count, of in rows:
        low, high = wilson(count, of)
        share, ends = (f"{100 * count / of:.1f} %", f"{100 * low:.1f}–{100 * high:.1f} %") if of else ("", "")
        table.add_row(Text(name, overflow="ellipsis", no_wrap=True), f"{count:,} of {of:,}", share, ends)
    show.out.print(table)
    same = f", {found.same:,} with the same words" if found.same else ""
    show.out.print(f"\n{counted(decided, 'pair')}{same}. Sign test of A against B: p = {found.p:.3f}.")


def _print_end(asking: Asking, notes: Iterable[str], missed: Sequence[str]) -> None:
    show.out.print()
    said = Table.grid("", "", padding=(0, 1))
    for sentence in notes:
        said.add_row("-", Text(sentence))
    show.out.print(said)
    tokens = f", {asking.tokens:,} tokens" if asking.tokens else ""
    cost = f", {asking.cost:.4f} USD" if asking.cost else ""
    more = [f"… and {len(missed) - SHOWN:,} more"] if len(missed) > SHOWN else []
    lines = [f"No verdict: {one}" for one in missed[:SHOWN]]
    show.remarks([f"{counted(asking.calls, 'call')}{tokens}{cost}.", *lines, *more])


def _judge(asking: Asking) -> dict[str, Any]:
    return {
        "judge": asking.name,
        "models": sorted(asking.models),
        "prompt": {"name": asking.prompt, "version": asking.runner.version(asking.prompt)},
        "calls": asking.calls,
        "tokens": asking.tokens,
        "cost": asking.cost,
    }


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"


def _price(most: float) -> str:
    return f"at most {most:,.{2 if most >= 1 else 4}f} USD" if most else "free of charge"
