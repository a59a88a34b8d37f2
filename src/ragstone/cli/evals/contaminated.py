"""`ragstone eval contamination`: which cases share words with the prompts, the examples or each other."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from ragstone.cli import show
from ragstone.cli.options import FAILED, Debug, Json, ProjectFolder, command
from ragstone.evaluation.contamination import Finding, found
from ragstone.evaluation.suites.suite import named_cases
from ragstone.project import Project, find

__all__ = ["contamination"]

EXCERPT = 200  # characters of the words that both have


@command
def contamination(
    cases: Annotated[
        str | None, typer.Argument(metavar="[SUITE]", help="A file in evals/, by its name, or a file of cases.")
    ] = None,
    fail: Annotated[bool, typer.Option("--fail", help="Exit with 1 where anything is found.")] = False,
    as_json: Json = False,
    project: ProjectFolder = Path(),
    debug: Debug = False,
) -> None:
    """Find cases whose words stand in the project's prompts or examples, and cases that ask the same."""
    opened = Project(find(project))
    _, given = named_cases(opened, cases)
    findings = found(given, opened)
    if as_json:
        show.as_json({"cases": len(given), "findings": [one.as_dict() for one in findings]})
    else:
        _print(findings, len(given))
    if fail and findings:
        raise typer.Exit(FAILED)


def _print(findings: list[Finding], cases: int) -> None:
    for one in findings:
        if one.kind == "case":
            said = f"asks what {one.other} asks ({one.place})"
        else:
            more = f" and {one.places - 1} more" if one.places > 1 else ""
            said = f"{100 * one.share:.0f} % of its {_NAMES[one.field]} stand in {one.place}{more}"
        show.out.print(Text(f"{one.where}: {one.case}: {said}", style="bold"), soft_wrap=True)
        words = one.words if len(one.words) <= EXCERPT else f"{one.words[:EXCERPT]} …"
        show.out.print(Text(f"    {words}"), soft_wrap=True)
    touched = len({one.case for one in findings})
    show.remarks([f"{touched:,} of {cases:,} cases share words with a prompt, an example or another case."])


_NAMES = {"question": "question's n-grams", "expected": "right answer's n-grams", "rubric": "rubric's n-grams"}
