"""`ragstone eval run`, `gate` and `compare`: a suite asked, held to what it must reach, and two runs side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from ragstone.cli import show
from ragstone.cli.options import FAILED, Debug, Json, ProjectFolder, command
from ragstone.evaluation.compare import compared, read_figures
from ragstone.evaluation.digits import bare, interval, number, signed, span
from ragstone.evaluation.metrics.known import metric
from ragstone.evaluation.reports.wording import contaminated, counted
from ragstone.evaluation.shelf import Shelf, chosen, metrics_of
from ragstone.evaluation.suites.comparing import TELLING, Change, Comparison, compare
from ragstone.evaluation.suites.figures import Figure, figures
from ragstone.evaluation.suites.gates import Gate
from ragstone.evaluation.suites.kept import Run, Runs
from ragstone.evaluation.suites.running import SuiteProgress, Told, run
from ragstone.evaluation.suites.suite import require_suite
from ragstone.project import Project, find

__all__ = ["Baseline", "compare_runs", "gate_run", "run_suite"]

FLIPPED = 10  # questions that are shown of each kind

SuiteName = Annotated[
    str | None, typer.Argument(metavar="[SUITE]", help="A file in evals/, by its name; the only one, if absent.")
]
Baseline = Annotated[str | None, typer.Option("--baseline", metavar="RUN", help="What `worse_by` compares with.")]


@command
def run_suite(
    name: SuiteName = None,
    new: Annotated[bool, typer.Option("--new", help="Begin anew, though the last run was cut short.")] = False,
    gate: Annotated[bool, typer.Option("--gate", help="Hold it to its gates then: see `ragstone eval gate`.")] = False,
    baseline: Baseline = None,
    as_json: Json = False,
    project: ProjectFolder = Path(),
    debug: Debug = False,
) -> None:
    """Ask every case of a suite, and judge the answers. A run that was cut short goes on."""
    root = find(project)
    opened = Project(root)
    opened.require_settings()
    found = require_suite(opened, name)
    with _bar() as told:
        done = asyncio.run(run(found, anew=new, told=told))
    if as_json:
        held = Shelf(opened.root).gates(done, baseline) if gate else []
        show.as_json({**as_dict(done), **({"gates": [one.as_dict() for one in held]} if gate else {})})
    else:
        _print_run(done)
        held = Shelf(opened.root).gates(done, baseline) if gate else []
        if gate:
            _print_gates(held)
    if not all(one.passed for one in held) or all(one.error for one in done.outcomes):
        raise typer.Exit(FAILED)


@command
def gate_run(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[RUN]", help="A run, or a suite for its last one: see `ragstone eval runs`."),
    ] = None,
    baseline: Baseline = None,
    as_json: Json = False,
    project: ProjectFolder = Path(),
    debug: Debug = False,
) -> None:
    """Hold a run to the gates of its suite. The exit code is 1 where one is not passed, for CI."""
    opened = Project(find(project))
    shelf = Shelf(opened.root)
    done = shelf.runs.read(name or require_suite(opened, None).name)
    held = shelf.gates(done, baseline)
    if as_json:
        show.as_json(
            {"run": done.name, "passed": all(one.passed for one in held), "gates": [g.as_dict() for g in held]}
        )
    else:
        _print_gates(held)
    if not all(one.passed for one in held):
        raise typer.Exit(FAILED)


@command
def compare_runs(
    before: Annotated[str, typer.Argument(metavar="A", help="A run, or a file that --per-query wrote.")],
    after: Annotated[str, typer.Argument(metavar="B", help="The same of another configuration.")],
    pipeline: Annotated[
        list[str] | None, typer.Option("--pipeline", metavar="NAME", help="Of a run with several; twice: of A, of B.")
    ] = None,
    as_json: Json = False,
    project: ProjectFolder = Path(),
    debug: Debug = False,
) -> None:
    """Whether B is better than A on the same questions, by the paired bootstrap and a permutation test."""
    if Path(before).is_file() and Path(after).is_file():
        _compare_files(Path(before), Path(after), as_json=as_json)
        return
    runs = Runs(find(project))
    first, second = runs.read(before), runs.read(after)
    one, two = chosen(first, second, pipeline or [])
    found = compare(metrics_of(first, second), first.of(one), second.of(two))
    if as_json:
        show.as_json(_compared(found, first, second, one, two))
        return
    show.out.print(f"A is {first.name} ({one}), B is {second.name} ({two}).\n", soft_wrap=True)
    _print_changes(found)


def as_dict(run: Run) -> dict[str, Any]:
    """A run as `--json` prints it."""
    named = [metric(name) for name in run.facts["metrics"]]
    return {
        "run": run.name,
        "folder": str(run.folder),
        "cases": run.facts["cases"],
        "failed": sum(bool(one.error) for one in run.outcomes),
        "pipelines": {
            name: {figure: one.as_dict() for figure, one in figures(named, run.of(name)).items()}
            for name in run.pipelines
        },
        "contamination": run.facts["contamination"],
        "notes": run.facts["notes"],
    }


# ── What is printed ─────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def _bar() -> Generator[Told]:
    with show.progress() as bar:
        asking = bar.add_task("Asking", total=None)
        said: set[str] = set()

        def told(done: SuiteProgress) -> None:
            bar.update(asking, completed=done.done, total=done.total, description=done.waiting or "Asking")
            if done.earlier and done.run not in said:
                said.add(done.run)
                show.err.print(f"{done.run} was cut short and goes on: {done.earlier} of {done.total} are there.")

        yield told


def _print_run(done: Run) -> None:
    facts = done.facts
    named = [metric(name) for name in facts["metrics"]]
    for name in done.pipelines:
        outcomes = done.of(name)
        if len(done.pipelines) > 1:
            show.out.print(f"[bold]{escape(name)}[/bold]")
        _print_figures(figures(named, outcomes))
        for one in [one for one in outcomes if one.error][:3]:
            show.out.print(f"failed: {one.case.question}: {one.error}", markup=False, soft_wrap=True)
    for note in facts["notes"]:
        show.out.print(note, markup=False, soft_wrap=True)
    if said := contaminated(done):
        show.out.print(f"{said} See them: ragstone eval contamination", markup=False, soft_wrap=True)
    failed = sum(bool(one.error) for one in done.outcomes)
    tail = f", {failed} failed" if failed else ""
    took = facts["ended"] - facts["started"]
    show.out.print(
        f"\n{done.name}: {counted(facts['cases'], 'case')}, {counted(len(done.outcomes), 'answer')}{tail}, "
        f"{took:.1f} s. See them: ragstone eval report {done.name}",
        markup=False,
        soft_wrap=True,
    )


def _print_figures(found: Mapping[str, Figure]) -> None:
    table = show.figures("metric", "figure", "95 % interval", "cases", "missed")
    for name, one in found.items():
        value, ends = number(one.value, one.metric), interval(one.interval, one.metric)
        table.add_row(name, value, ends, str(one.cases), str(one.missed or ""))
    show.out.print(table)


def _print_gates(held: Sequence[Gate]) -> None:
    several = len({one.pipeline for one in held}) > 1
    for one in held:
        where = f"{one.pipeline}: " if several else ""
        mark = "[green]passed[/green]" if one.passed else "[red]failed[/red]"
        show.out.print(f"{mark}  {escape(f'{where}{one.asked}: {one.found}')}", soft_wrap=True)
    failed = sum(not one.passed for one in held)
    total = counted(len(held), "gate")
    show.out.print(f"\n{failed} of {total} failed." if failed else f"\nAll of {total} passed.")


def _print_changes(found: Comparison) -> None:
    table = show.figures("metric", "A", "B", "B − A", "95 % interval", "p", "perm.", "")
    for name, one in found.changes.items():
        table.add_row(name, *_cells(one), one.verdict)
    show.out.print(table)
    _print_tags(found.tags)
    for gained, title in ((True, "Right now, wrong before"), (False, "Wrong now, right before")):
        flips = {one.case: one for one in found.flips if one.gained is gained}
        if flips:
            show.out.print(f"\n{title}: {len(flips)}")
        for one in list(flips.values())[:FLIPPED]:
            names = [flip.metric for flip in found.flips if flip.case == one.case and flip.gained is gained]
            show.out.print(f"  {one.question} ({', '.join(names)})", markup=False, soft_wrap=True)
        if len(flips) > FLIPPED:
            show.out.print(f"  and {len(flips) - FLIPPED} more: --json has them all")
    alone = f"; {len(found.left_out)} are in one run alone" if found.left_out else ""
    show.out.print(f"\n{counted(found.cases, 'case')}{alone}.")
    if found.cases < TELLING:
        show.out.print(f"So few cannot show that one is better, whatever they say: it takes {TELLING} at least.")


def _print_tags(tags: Mapping[str, Mapping[str, Change]]) -> None:
    """What has changed of the cases with each tag, in figures by which an answer is right or wrong."""
    rows = [
        (tag, name, one)
        for tag, changes in tags.items()
        for name, one in changes.items()
        if one.metric.passing is not None and one.before != one.after
    ]
    if not rows:
        return
    table = show.figures("tag", "metric", "A", "B", "B − A", "95 % interval", "p", "cases")
    table.columns[1].justify = "left"
    for tag, name, one in rows:
        before, after, difference, interval, p, _ = _cells(one)
        table.add_row(escape(tag), name, before, after, difference, interval, p, str(one.difference.questions))
    show.out.print()
    show.out.print(table)


def _cells(one: Change) -> tuple[str, str, str, str, str, str]:
    difference = one.difference
    return (
        bare(one.before, one.metric),
        bare(one.after, one.metric),
        signed(difference.mean, one.metric),
        span(difference.interval, one.metric),
        _chance(difference.p),
        _chance(difference.permuted),
    )


def _chance(p: float) -> str:
    """A probability in five characters, which keeps the table within 80 columns."""
    return "<.001" if p < 0.001 else f"{p:.3f}"


def _compared(found: Comparison, first: Run, second: Run, one: str, two: str) -> dict[str, Any]:
    def told(changes: Mapping[str, Change]) -> dict[str, Any]:
        return {
            name: {
                "before": round(change.before, 6),
                "after": round(change.after, 6),
                **change.difference.as_dict(),
                "verdict": change.verdict or None,
            }
            for name, change in changes.items()
        }

    return {
        "before": {"run": first.name, "pipeline": one},
        "after": {"run": second.name, "pipeline": two},
        "cases": found.cases,
        "left_out": list(found.left_out),
        "changes": told(found.changes),
        "tags": {tag: told(changes) for tag, changes in found.tags.items()},
        "flips": [asdict(flip) for flip in found.flips],
    }


def _compare_files(before: Path, after: Path, *, as_json: bool) -> None:
    found = compared(read_figures(before), read_figures(after))
    if as_json:
        show.as_json({name: difference.as_dict() for name, difference in found.items()})
        return
    table = show.figures("metric", "B − A", "95 % interval", "p", "perm.", "better", "worse")
    for name, one in found.items():
        low, high = (f"{bound:+.4f}" for bound in one.interval)
        chances = _chance(one.p), _chance(one.permuted)
        table.add_row(name, f"{one.mean:+.4f}", f"{low} to {high}", *chances, str(one.better), str(one.worse))
    show.out.print(table)
    show.out.print(f"\n{next(iter(found.values())).questions:,} questions.")
