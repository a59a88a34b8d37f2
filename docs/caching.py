"""Writes what `ragstone cache` prints into docs/caching.md, from a real run in a new project.

    python docs/caching.py            # or: make docs
    python docs/caching.py --check    # exits with 1 when the page shows something else

Keys, versions, fingerprints, sizes and times differ from run to run: `--check` compares the rest.
"""

from __future__ import annotations

import re
import shlex
import sys
import tempfile
from pathlib import Path

from typer.testing import CliRunner

import ragstone
from ragstone.cli.app import app
from ragstone.cli.init import Default, write

PAGE = Path(__file__).with_name("caching.md")
BLOCK = re.compile(r"```console\n\$ ragstone (?P<command>cache [^\n]*)\n.*?^```$", re.DOTALL | re.MULTILINE)
TRAVEL = "# Travel rules\n\nFirst class is allowed on train journeys of more than four hours.\n"
QUESTION = "When is first class allowed?"
VARYING = re.compile(r"\b[0-9a-f]{16,}\b|\b\d+(?:\.\d+)? k?B\b|\b\d+ (?:seconds?|days)\b| +")


def page() -> str:
    """The page with what its commands print now."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        write(project, model=Default.extractive)
        (project / "documents" / "travel.md").write_text(TRAVEL, encoding="utf-8")
        with ragstone.open(project) as rag:
            rag.ingest()
            for _ in range(3):
                rag.ask(QUESTION)
        key = _key(project)
        return BLOCK.sub(lambda found: _shown(found["command"], project, key), PAGE.read_text("utf-8"))


def alike(one: str, other: str) -> bool:
    """Whether two pages differ in nothing but what every run has otherwise."""
    return VARYING.sub("…", one) == VARYING.sub("…", other)


def _key(project: Path) -> str:
    """That of the answer, as its trace shows it."""
    with ragstone.open(project) as rag:
        trace = rag.traces(limit=1, principals=None)[0]
    return next(str(step.facts["key"]) for step in trace.steps if step.name == "cache")


def _shown(command: str, project: Path, key: str) -> str:
    words = shlex.split(re.sub(r"\b(?:KEY|[0-9a-f]{48})\b", key, command))
    printed = CliRunner().invoke(app, [*words, "--project", str(project)], env={"COLUMNS": "80", "TERM": "dumb"})
    lines = "\n".join(line.rstrip() for line in printed.stdout.splitlines())
    return f"```console\n$ ragstone {shlex.join(words)}\n{lines}\n```"


if __name__ == "__main__":
    made = page()
    if "--check" in sys.argv:
        sys.exit(0 if alike(made, PAGE.read_text("utf-8")) else f"{PAGE.name} shows something else. Run: make docs")
    PAGE.write_text(made, "utf-8")
