"""`ragstone prompt ablate`: whether the layers of a prompt are worth what they cost, on questions of your own."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from ragstone.assembly import ProjectParts
from ragstone.cli import INTERRUPTED, show
from ragstone.cli.options import FAILED, Debug, Json, PipelineName, ProjectFolder, command
from ragstone.cli.prompts.catalog import find_path
from ragstone.cli.prompts.plan import most_cost
from ragstone.errors import RagstoneError, UsageError
from ragstone.evaluation.ablate import FEWEST, Ablation, Effect, judged
from ragstone.evaluation.plots.ablation import KINDS, drawn
from ragstone.pipelines.ablations import REPEATS, Ablations, Experiment
from ragstone.pipelines.prompt_tests import AT_ONCE
from ragstone.project import Project, find
from ragstone.prompts.testing.gold import ANSWER

__all__ = ["ablate"]

ASKED_FIRST = 100
"""So many calls are made without a question; for more a person says yes."""

COLORS = {"gain shown": "green", "harm shown": "red"}


@command
def ablate(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The file in prompts/.")],
    cases: Annotated[
        Path,
        typer.Option("--cases", metavar="FILE", help="A file of tests (.yaml), or questions with answers (.jsonl)."),
    ],
    layers: Annotated[
        list[str] | None, typer.Option("--layer", metavar="L", help="Only switch this one off. Repeatable.")
    ] = None,
    repeats: Annotated[int, typer.Option("--repeats", metavar="N", help="Ask each case so often.")] = REPEATS,
    limit: Annotated[int | None, typer.Option("--limit", metavar="N", help="Only the first cases of the file.")] = None,
    gold: Annotated[
        str, typer.Option("--gold", metavar="KEY", help="The key of a line that holds the right answer.")
    ] = ANSWER,
    field: Annotated[
        str, typer.Option("--field", metavar="NAME", help="The output that is compared with the right answer.")
    ] = "",
    model: Annotated[
        str | None, typer.Option("--model", metavar="NAME", help="The file in connectors/ of the model to ask.")
    ] = None,
    at_once: Annotated[
        int, typer.Option("--at-once", metavar="N", min=1, max=256, help="Requests that the model gets side by side.")
    ] = AT_ONCE,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Of the bootstrap.")] = 0,
    plot: Annotated[Path | None, typer.Option("--plot", metavar="FILE.png|svg", help="Draw gain and price.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help=f"Make more than {ASKED_FIRST} calls without a question.")] = False,
    pipeline: PipelineName = "answer",
    as_json: Json = False,
    project: ProjectFolder = Path(),
    debug: Debug = False,
) -> None:
    """Switch each layer of a prompt off in turn: what it gains on your cases, and what it costs."""
    folder = Project(find(project))
    find_path(folder, name)
    _check_plot(plot)

    def shown(experiment: Experiment) -> None:
        _shown(judged(experiment, seed=seed), plot=plot, as_json=as_json)

    parts = ProjectParts(folder)
    with asyncio.Runner() as runner:
        try:
            ablations = Ablations(parts.prompt_tests(pipeline=pipeline, model=model))
            preparing = ablations.prepared(
                name, cases, repeats=repeats, layers=layers or (), limit=limit, gold=gold, field=field
            )
            with show.err.status("Building the prompts …"):
                experiment = runner.run(preparing)
            _announce(folder, experiment)
            if not _agreed(experiment, yes=yes):
                show.remarks(["Nothing was asked."])
                raise typer.Exit(FAILED)
            with _partly(lambda: shown(experiment), experiment), show.counting("Asking", experiment.answers) as told:
                runner.run(ablations.run(experiment, told=told, at_once=at_once))
        finally:
            runner.run(parts.close())
    shown(experiment)


@contextmanager
def _partly(shown: Callable[[], None], experiment: Experiment) -> Generator[None]:
    """Shows what is known by then when the asking ends too early."""
    try:
        yield
    except KeyboardInterrupt:
        shown()
        show.remarks([f"Interrupted after {experiment.answered:,} of {experiment.answers:,} answers."])
        raise typer.Exit(INTERRUPTED) from None
    except RagstoneError:
        if any(not trial.failure for row in experiment.trials for trials in row for trial in trials):
            shown()
        raise


def _check_plot(plot: Path | None) -> None:
    """Said now, and not after an hour of asking."""
    if plot is None:
        return
    if plot.suffix.lower() not in KINDS:
        expected = " or ".join(f"a name that ends in {kind}" for kind in KINDS)
        raise UsageError("is no kind of picture", where="--plot", expected=expected, found=plot.name)
    if not plot.parent.is_dir():
        raise UsageError("there is no such folder", where="--plot", found=str(plot.parent))


# ── Before the first call ───────────────────────────────────────────────────────────────────────────────────────────


def _announce(folder: Project, experiment: Experiment) -> None:
    """What will be asked, and what that can cost."""
    off = ", ".join(setting.name for setting in experiment.layers)
    count, answers = len(experiment.settings), experiment.answers
    calls, most = experiment.calls, experiment.worst_case_calls
    costs = [most_cost(folder, prompt, model=experiment.model) for prompt in experiment.sent]
    known = [cost for cost in costs if cost is not None]
    price = _price(experiment.repeats * sum(known)) if known and len(known) == len(costs) else "no price is known"
    lines = [
        f"{experiment.prompt} as it is, and without: {off}.",
        f"{count} settings × {_many(len(experiment.cases), 'case')} × {_many(experiment.repeats, 'repeat')} = "
        f"{_many(answers, 'answer')}.",
        f"{_many(calls, 'call')} of {experiment.model}{'' if most == calls else f', at most {most:,}'}; {price}.",
        *(f"{one}." for one in experiment.left_out),
    ]
    if len(experiment.cases) < FEWEST:
        lines.append(f"From fewer than {FEWEST} cases nothing can be told.")
    if experiment.repeats > 1 and any(prompt.options.temperature == 0 for prompt in experiment.sent):
        lines.append("The temperature is 0, so repeats say much the same: --repeats 1 is cheaper.")
    show.remarks(lines)


def _agreed(experiment: Experiment, *, yes: bool) -> bool:
    most = experiment.worst_case_calls
    if yes or most <= ASKED_FIRST:
        return True
    if not sys.stdin.isatty():
        found = f"up to {most:,} calls"
        hint = "Add --yes, or take fewer: --limit N, --repeats 1, --layer L."
        raise UsageError("nobody can be asked whether to go on", expected="--yes", found=found, hint=hint)
    return typer.confirm(f"Make up to {most:,} calls?", err=True)


def _price(most: float) -> str:
    return f"at most {most:,.{2 if most >= 1 else 4}f} USD" if most else "free of charge"


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' * (count != 1)}"


# ── What was found ──────────────────────────────────────────────────────────────────────────────────────────────────


def _shown(found: Ablation, *, plot: Path | None, as_json: bool) -> None:
    if plot is not None:
        experiment = found.experiment
        title = f"{experiment.prompt}: {_many(len(experiment.cases), 'case')}, {experiment.model}"
        plot.write_bytes(drawn(found.effects, title=title, kind=plot.suffix.lower()))
    if as_json:
        show.as_json(found.as_dict())
    else:
        _print(found)


def _print(found: Ablation) -> None:
    table = Table("layer", "with", "without", "gain ±", "tokens ×", box=None, pad_edge=False)
    priced = any(effect.cost for effect in found.effects)
    if priced:
        table.add_column("USD / 1,000")
    for column in table.columns[1:]:
        column.justify, column.no_wrap = "right", True
    for effect in found.effects:
        cells = [Text(cell) for cell in _cells(effect)]
        cells[3].stylize(COLORS.get(effect.verdict, ""))
        table.add_row(*cells, *([f"{effect.cost:+.2f}"] if priced else []))
    show.out.print(table)
    show.out.print()
    for effect in found.effects:
        show.out.print(Text(effect.sentence))
    experiment = found.experiment
    spent = f", {found.cost:.4f} USD" if found.cost else ""
    show.out.print()
    show.out.print(
        Text(
            f"{_many(len(experiment.cases), 'case')}, {_many(experiment.repeats, 'repeat')}, "
            f"{_many(experiment.answered, 'answer')}, {_many(found.calls, 'call')} of {experiment.model}{spent}. "
            "A gain is in points of 100, with a confidence of 95 %."
        )
    )
    if found.failed:
        show.remarks([f"{_many(found.failed, 'request')} failed and count as wrong. The first: {found.failure}"])


def _cells(effect: Effect) -> tuple[str, ...]:
    if effect.difference is None:
        return effect.layer, "–", "–", "–", "–"
    shares = (f"{100 * share:.1f} %" for share in effect.right)
    gain = f"{effect.gain:+.1f} ± {effect.margin:.1f}"
    return effect.layer, *shares, gain, "–" if effect.tokens is None else f"{effect.tokens:.2f}"
