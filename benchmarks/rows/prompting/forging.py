"""`python -m rows.prompting.forging WAY [--values]` counts what hostile values do; WAY is one of builders.WAYS.

The values are those of tests/prompts/forgery/values.jsonl. Each stands once as the question and once as a passage, in a
prompt of a system and a user message that is written as the documentation of each package shows. Compared is what comes
out for harmless words. A value counts in the first column that applies:

    raised      the prompt could not be built: whoever pastes this text gets an error
    forged      other messages, roles or parts than with harmless words
    evaluated   something in the value was worked out, or another slot was read through it
    changed     the value does not stand in its message byte for byte, and nothing says so
    recorded    neither, but the change is recorded on the prompt (Ragstone: a space in special tokens)

`on the wire` counts the values with special tokens of a chat template that are whole in a message that goes out, and
`harmed` those of the first four columns and these, each once. `--values` names the values behind each count.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.side import ROOT, report

from rows.prompting.builders import WAYS, Build, Made

VALUES = ROOT / "tests/prompts/forgery/values.jsonl"
HARMLESS = "harmless words"
SECRET = "the other slot"
COLUMNS = ("raised", "forged", "evaluated", "changed", "recorded", "on the wire")
HARM = (*COLUMNS[:4], "on the wire")


def main(way: str, *options: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = tried(WAYS[way](Path(folder)))
    if options == ("--values",):
        print("\n\n".join(f"{column}: {', '.join(names)}" for column, names in found.items() if names))
    counts = {column: len(names) for column, names in found.items()}
    recorded = counts.pop("recorded")
    notes = [f"{recorded} values were changed and the prompt says so (a space in special tokens)"] if recorded else []
    report({"harmed": len({name for column in HARM for name in found[column]}), **counts}, *notes)


def tried(build: Build) -> dict[str, list[str]]:
    """The names of the values that count in each column."""
    found: dict[str, list[str]] = {column: [] for column in COLUMNS}
    for line in VALUES.read_text(encoding="utf-8").splitlines():
        value = json.loads(line)
        for slot in ("question", "passage"):
            name = f"{value['name']} ({slot})"
            harmless = _built(build, HARMLESS, slot)
            try:
                made = _built(build, value["value"], slot)
            except Exception:
                found["raised"].append(name)
                continue
            if column := judged(value, made, harmless):
                found[column].append(name)
            if any(token in (text or "") for token in value["tokens"] for _, text in made.messages):
                found["on the wire"].append(name)
    return found


def _built(build: Build, value: str, slot: str) -> Made:
    return build(value, SECRET) if slot == "question" else build(SECRET, value)


def judged(value: dict[str, Any], made: Made, harmless: Made) -> str | None:
    """The column that a value counts in; None where nothing happened."""
    if [(role, text is None) for role, text in made.messages] != [(role, False) for role, _ in harmless.messages]:
        return "forged"
    said, before = ("\n".join(text or "" for _, text in each.messages) for each in (made, harmless))
    if said.count(SECRET) != before.count(SECRET) or (value.get("runs") and value["runs"] in said):
        return "evaluated"
    if said == before.replace(HARMLESS, value["value"]):
        return None
    bare = before.replace(HARMLESS, value["value"]).replace(" ", "")
    return "recorded" if made.recorded and said.replace(" ", "") == bare else "changed"


if __name__ == "__main__":
    main(*sys.argv[1:])
