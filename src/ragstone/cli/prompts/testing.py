"""`ragstone prompt test`: whether prompts send what they should, and whether a model then says what it should."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

import ragstone
from ragstone.cli import show
from ragstone.cli.options import FAILED, Debug, Json, PipelineName, ProjectFolder, command
from ragstone.cli.prompts.catalog import find_path
from ragstone.errors import UsageError
from ragstone.project import Project, find
from ragstone.prompts.catalog import entries
from ragstone.prompts.testing.report import CaseReport, PromptReport

__all__ = ["run_tests"]

SHOWN = 160  # characters of what was expected, and of what was said
COLORS = {"passed": "green", "failed": "red", "not run": "yellow"}


@command
def run_tests(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Files in prompts/; without one, all with tests.")
    ] = None,
    repeats: Annotated[
        int | None, typer.Option("--repeats", metavar="N", min=1, help="Ask each case so often; no cache answers.")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", metavar="NAME", help="The file in connectors/ of the model to ask.")
    ] = None,
    require_model: Annotated[
        bool, typer.Option("--require-model", help="Fail when a case cannot be run for want of a model.")
    ] = False,
    pipeline: PipelineName = "answer",
    as_json: Json = False,
    project: ProjectFolder = Path(),
    debug: Debug = False,
) -> None:
    """Run the tests of prompts: what is sent, and what a model says to it. Exit code 1 when one fails."""
    folder = Project(find(project))
    tested, untested = _chosen(folder, names or [])
    reports: list[PromptReport] = []
    with ragstone.open(folder.root) as rag, show.err.status("") as status:
        for name in tested:
            status.update(f"Testing {name} …")
            reports.append(rag.test_prompt(name, repeats=repeats, model=model, pipeline=pipeline))
    if as_json:
        show.as_json(_as_dict(reports, untested))
    else:
        _print(reports, untested)
    failed = sum(report.count("failed") for report in reports)
    if failed or (require_model and any(report.count("not run") for report in reports)):
        raise typer.Exit(FAILED)


def _chosen(folder: Project, names: Sequence[str]) -> tuple[list[str], list[str]]:
    """The prompts to test, and those of the project that have no tests; a prompt that is named must have some."""
    for name in names:
        find_path(folder, name)
    wanted = list(dict.fromkeys(names)) or [entry.name for entry in entries(folder.root) if entry.own]
    tested = [name for name in wanted if folder.prompt(name).tests]
    untested = [name for name in wanted if name not in tested]
    if names:
        return wanted, []
    if not tested:
        hint = "Write prompts/tests/NAME.yaml, and name it under metadata.ragstone as `tests`."
        raise UsageError("no prompt has tests", where=str(folder.root / "prompts"), hint=hint)
    return tested, untested


def _as_dict(reports: Sequence[PromptReport], untested: Sequence[str]) -> dict[str, Any]:
    return {
        "model": reports[0].model or None,
        "passed": sum(report.count("passed") for report in reports),
        "failed": sum(report.count("failed") for report in reports),
        "not_run": sum(report.count("not run") for report in reports),
        "calls": sum(report.calls for report in reports),
        "cost": sum(report.cost for report in reports),
        "untested": list(untested),
        "cases": [
            {"prompt": report.prompt, "version": report.version, **case.as_dict()}
            for report in reports
            for case in report.cases
        ],
    }


def _print(reports: Sequence[PromptReport], untested: Sequence[str]) -> None:
    table = Table("prompt", "case", "passed", "95 % interval", box=None, pad_edge=False)
    table.columns[1].overflow = "fold"
    table.columns[2].justify = table.columns[3].justify = "right"
    for column in (table.columns[0], table.columns[2], table.columns[3]):
        column.no_wrap = True
    for report in reports:
        for case in report.cases:
            interval = f"{case.interval[0]:.2f}–{case.interval[1]:.2f}" if case.interval else ""
            color = COLORS[case.outcome]
            table.add_row(Text(report.prompt), Text(case.case), Text(_passed(case), style=color), interval)
    show.out.print(table)
    for report in reports:
        for case in report.cases:
            if case.outcome == "failed":
                show.out.print()
                for line in _failure(report, case):
                    show.out.print(line, soft_wrap=True)
    show.out.print()
    show.out.print(_summary(reports))
    if any(report.count("not run") for report in reports):
        show.remarks(["sent only: what is sent was checked, and no model was asked; such a case counts as not run."])
    if untested:
        show.remarks([f"Without tests: {', '.join(untested)}."])


def _passed(case: CaseReport) -> str:
    if case.outcome == "not run":
        return "sent only" if case.runs else "not run"
    return f"{case.passed} of {case.runs}" if case.asked else "sent ✓" if case.passed else "sent ✗"


def _failure(report: PromptReport, case: CaseReport) -> Iterator[Text]:
    where = case.where.replace(f"{Path.cwd()}{os.sep}", "")
    yield Text.assemble((where, "cyan"), "  ", (f"{report.prompt}: {case.case}", "bold"), f"  ({case.check})")
    yield Text(f"    expected  {_short(case.expected)}")
    yield Text(f"    found     {_short(case.found) or 'nothing'}")


def _short(text: str) -> str:
    said = "".join(character if character.isprintable() else " " for character in " ".join(text.split()))
    return said if len(said) <= SHOWN else f"{said[:SHOWN]} …"


def _summary(reports: Sequence[PromptReport]) -> str:
    passed, failed, left = (
        sum(report.count(outcome) for report in reports) for outcome in ("passed", "failed", "not run")
    )
    reasons = sorted({case.not_run for report in reports for case in report.cases if case.outcome == "not run"})
    line = f"{passed} passed, {failed} failed"
    if left:
        line += f", {left} not run: {', '.join(reasons)}"
    asked = reports[0].model
    if not asked:
        return f"{line}. No model is configured."
    calls, cost = sum(report.calls for report in reports), sum(report.cost for report in reports)
    spent = f", {cost:.4f} USD" if cost else ""
    return f"{line}. Model: {asked}, {calls} answer{'s' * (calls != 1)}{spent}."
