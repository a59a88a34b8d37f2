"""`ragstone model calibrate`: learns from graded questions which ones need the larger model."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from ragstone.assembly import ProjectParts
from ragstone.cli import show
from ragstone.cli.options import Debug, Json, PipelineName, Principals, ProjectFolder, Tenant, command
from ragstone.errors import UsageError
from ragstone.evaluation.difficulty import Aim, Calibration, Point, calibrated
from ragstone.evaluation.graded import GradeFile, read_graded
from ragstone.evaluation.grading import Examples, Grading, by_hand
from ragstone.evaluation.plots.difficulty import drawn
from ragstone.inference.features import FEATURES
from ragstone.pipelines.routes import difficulty_path
from ragstone.project import Project, find
from ragstone.trace import Trace
from ragstone.types import Context

__all__ = ["calibrate_route"]

SHOWN = 9  # points of the curve that are printed
WEIGHED = 5  # features that are named


@dataclass(frozen=True, kw_only=True)
class Job:
    """What was asked for."""

    project: Project
    pipeline: str
    graded: Path
    aim: Aim
    seed: int
    asking: bool  # whether a person is to be asked before models are
    tenant: str
    principals: frozenset[str]

    def context(self) -> Context:
        """A context of its own for one question. Nothing of it comes from the cache."""
        return Context(tenant=self.tenant, principals=self.principals, cache="off", trace=Trace("calibrate"))


@command
def calibrate_route(
    graded: Annotated[Path, typer.Argument(metavar="FILE", help="Graded questions, one JSON object a line.")],
    quality: Annotated[
        float | None,
        typer.Option("--quality", metavar="SHARE", help="At least so much of the best model's grade.  [default: 0.95]"),
    ] = None,
    cost: Annotated[
        float | None, typer.Option("--cost", metavar="SHARE", help="At most so much of the dearest model's cost.")
    ] = None,
    plot: Annotated[Path | None, typer.Option("--plot", metavar="FILE.svg", help="Draw cost and quality.")] = None,
    write: Annotated[
        bool | None,
        typer.Option("--write/--dry-run", help="Write the file, or not.  [default: only where a gain is shown]"),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Ask the models without asking you first.")] = False,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Another one divides otherwise.")] = 0,
    pipeline: PipelineName = "answer",
    as_json: Json = False,
    project: ProjectFolder = Path(),
    principal: Principals = None,
    tenant: Tenant = "default",
    debug: Debug = False,
) -> None:
    """Learn which questions need the larger model, and what it is worth to send only those there."""
    folder = Project(find(project))
    folder.require_settings()
    if quality is not None and cost is not None:
        raise UsageError("the threshold has one aim", expected="--quality or --cost, not both")
    if plot is not None and not plot.parent.is_dir():  # said now, and not after the models were asked
        raise UsageError("there is no such folder", where=str(plot.parent), hint="Make it, or write elsewhere.")
    aim = Aim("cost", cost) if cost is not None else Aim("quality", 0.95 if quality is None else quality)
    job = Job(
        project=folder,
        pipeline=pipeline,
        graded=graded,
        aim=aim,
        seed=seed,
        asking=not (yes or as_json),
        tenant=tenant,
        principals=frozenset(principal or ()),
    )
    examples, models = asyncio.run(_examples(job))
    show.remarks(examples.left_out)
    found = calibrated(examples.examples, models=models, aim=aim, unit=examples.unit, seed=seed)
    if plot is not None:
        count = len(examples.examples)
        plot.write_text(drawn(found, title=f"{' or '.join(models)}, {count:,} graded questions"), encoding="utf-8")
    written = _write(job, found, write)
    if as_json:
        show.as_json(_as_dict(found, written))
        return
    _print(found)
    show.out.print(escape(_told(job, written, write)))


def _write(job: Job, found: Calibration, wanted: bool | None) -> Path | None:
    """Where it was written; nowhere, where no gain is shown and nobody wants it all the same."""
    if not (found.shown if wanted is None else wanted):
        return None
    project, spec = job.project, job.project.answer_spec(job.pipeline)
    path = difficulty_path(spec.route, project.pipeline(job.pipeline), project.root)
    path.write_text(found.difficulty.dump(), encoding="utf-8")
    return path


def _told(job: Job, written: Path | None, wanted: bool | None) -> str:
    if written is None:
        return "Nothing was written." + ("" if wanted is False else " To write it all the same: --write")
    root, route = job.project.root, job.project.answer_spec(job.pipeline).route
    said = f"Written: {written.relative_to(root) if written.is_relative_to(root) else written}"
    if route.strategy == "by_difficulty":
        return said
    key = f"route: {{strategy: by_difficulty, models: [{', '.join(route.models)}]}}"
    return f"{said}. To use it, write in pipelines/{job.pipeline}.yaml: {key}"


async def _examples(job: Job) -> tuple[Examples, tuple[str, ...]]:
    models = job.project.answer_spec(job.pipeline).route.models
    rows = await asyncio.to_thread(read_graded, job.graded, models=models)
    parts = ProjectParts(by_hand(job.project, job.pipeline))
    try:
        answer = await asyncio.to_thread(parts.answer, tenant=job.tenant, pipeline=job.pipeline)
        kept = GradeFile(job.graded.with_suffix(".grades.jsonl"))
        grading = Grading(answer, rows, kept=kept, context=job.context)
        with show.counting("Searching") as told:
            await grading.search(told=told)
        if grading.missing:
            _announce(grading, kept.path)
            if job.asking:
                await asyncio.to_thread(_require_consent)
            with show.counting("Asking") as told:
                await grading.ask(told=told)
        return grading.examples(), grading.models
    finally:
        await parts.close()


def _announce(grading: Grading, kept: Path) -> None:
    missing, cost = grading.missing, grading.cost
    price = "what that costs is not known" if cost is None else f"about ${cost:.4f}" if cost else "free of charge"
    models = ", ".join(name for name in grading.models if any(one.model == name for one in missing))
    show.remarks(
        [
            f"{len(missing):,} answers to be had of {models}: {grading.calls:,} calls, {price}. "
            f"Each grade is kept in {kept.name}; interrupted, it goes on there."
        ]
    )


def _require_consent() -> None:
    """Asks the person. Raises UsageError where nobody sits there to be asked."""
    if sys.stdin is None or not sys.stdin.isatty():  # pyright: ignore[reportUnnecessaryComparison] - it may be closed
        raise UsageError("models would be asked", hint="To ask them: add --yes")
    show.err.print("Begin? y or n:")
    if sys.stdin.readline().strip().casefold() not in ("y", "yes"):
        raise UsageError("nothing was asked")


# ── Showing ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _print(found: Calibration) -> None:
    models = found.difficulty.models
    table = show.figures("", "grade", _cost_title(found), *models)
    for name, (cost, mean) in found.singles.items():
        shares = [f"{100 * (name == other):.0f} %" for other in models]
        table.add_row(f"{escape(name)} alone", f"{100 * mean:.1f} %", _cost(found, cost), *shares)
    for point in _shown(found):
        chosen = point is found.chosen
        name = f"threshold {point.threshold:+.3f}{' *' if chosen else ''}"
        shares = [f"{100 * share:.0f} %" for share in point.shares]
        grade = f"{100 * point.quality:.1f} %"
        table.add_row(name, grade, _cost(found, point.cost), *shares, style="bold" if chosen else None)
    show.out.print(table)
    show.out.print()
    for line in _sentences(found):
        show.out.print(escape(line))


def _cost_title(found: Calibration) -> str:
    return "USD / 1,000" if found.unit == "USD" else "cost"


def _cost(found: Calibration, cost: float) -> str:
    return f"{1000 * cost:.3f}" if found.unit == "USD" else f"{100 * cost:.0f} %"


def _shown(found: Calibration) -> list[Point]:
    """The chosen point among others that lie as far apart."""
    last = len(found.curve) - 1
    places = {round(last * step / (SHOWN - 1)) for step in range(SHOWN)} | {found.curve.index(found.chosen)}
    return [found.curve[place] for place in sorted(places)]


def _sentences(found: Calibration) -> list[str]:
    """What the figures say, in words."""
    low, mean, high = (100 * value for value in found.gain)
    low_grade, high_grade = (100 * value for value in found.chosen_interval)
    said = [
        f"* chosen for {found.aim}; the grade's 95 % interval is {low_grade:.1f} to {high_grade:.1f} %. "
        "Each question was judged by a fit that had not seen it.",
        f"At equal cost the curve lies {mean:+.1f} points above a random mixture of the models "
        f"(95 % interval {low:+.1f} to {high:+.1f}).",
    ]
    if not found.shown:
        said.append("No gain shown: ordered or cheapest does as well.")
    costs = sorted(found.singles.items(), key=lambda item: item[1][0])
    (cheap, (_, good)), (dear, (_, other)) = costs[0], costs[-1]
    if other <= good:
        said.append(f"{dear} costs more than {cheap}, and its grade is not better: it may be left out of the route.")
    pair = found.difficulty.pair(found.difficulty.models[0], found.difficulty.models[-1])
    weights = sorted(zip(FEATURES.values(), pair.weights, strict=True), key=lambda item: -abs(item[1]))[:WEIGHED]
    named = "; ".join(f"{name} {weight:+.2f}" for name, weight in weights)
    return [*said, f"What asks for {pair.large} (+) or {pair.small} (-): {named}."]


def _as_dict(found: Calibration, written: Path | None) -> dict[str, Any]:
    low, mean, high = found.gain
    point = found.chosen
    return {
        "models": list(found.difficulty.models),
        "examples": found.difficulty.calibrated.examples,
        "unit": found.unit,
        "alone": {name: {"cost": cost, "quality": mean} for name, (cost, mean) in found.singles.items()},
        "curve": [
            {"threshold": one.threshold, "cost": one.cost, "quality": one.quality, "shares": list(one.shares)}
            for one in found.curve
        ],
        "chosen": {"threshold": point.threshold, "cost": point.cost, "quality": point.quality, "aim": str(found.aim)},
        "interval": list(found.chosen_interval),
        "gain": {"low": low, "mean": mean, "high": high, "shown": found.shown},
        "weights": {
            f"{pair.small} or {pair.large}": dict(zip(FEATURES, pair.weights, strict=True))
            for pair in found.difficulty.pairs
        },
        "written": str(written) if written else None,
    }
