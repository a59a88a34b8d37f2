"""Writes what `ragstone prompt explain` shows of each technique, from a real run of the pages in a new project.

    python docs/techniques.py            # or: make docs
    python docs/techniques.py --check    # exits with 1 when a page shows something else

A `yaml` block that begins with `# prompts/answer.prompty` holds keys of that file's front matter. They are put into the
shipped file, and the block after `<!-- explain -->` shows the prompt from its last user message on, that after
`<!-- explain: 8 -->` its first eight lines.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from ragstone.cli.app import app
from ragstone.cli.init import Default, write
from ragstone.config import parse_yaml

DOCS = Path(__file__).parent
TRAVEL = "# Travel rules\n\nFirst class is allowed on train journeys of more than four hours.\n"
PERSONA = "prompts/personas/librarian.md"
QUESTION = "When is first class allowed?"

SWITCHED = re.compile(
    r"```yaml\n(?P<front># prompts/answer\.prompty\n(?:(?!^```).)*)^```"
    r"(?P<between>(?:(?!^```yaml).)*?)<!-- explain(?:: (?P<first>\d+))? -->\n```text\n(?P<shown>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


def merged(old: Any, new: Any) -> Any:
    """Keys put into keys, anything else in place of what was there."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    return {**old, **{key: merged(old.get(key), value) for key, value in new.items()}}


def switched(prompt: str, front: str, path: Path) -> str:
    """A prompt file with these keys in its front matter."""
    _, before, body = prompt.split("---\n", 2)
    keys = merged(parse_yaml(before, path).value, parse_yaml(front, path).value)
    return f"---\n{json.dumps(keys, ensure_ascii=False)}\n---\n{body}"


def explained(project: Path, front: str, first: str | None) -> str:
    """What is shown of the prompt with these keys: its first lines, or all from its last user message on."""
    path = project / "prompts" / "answer.prompty"
    shipped = path.read_text(encoding="utf-8")
    try:
        path.write_text(switched(shipped, front, path), encoding="utf-8")
        asked = ["prompt", "explain", "answer", "--project", str(project), "--set", f"question={QUESTION}"]
        shown = CliRunner().invoke(app, asked, env={"COLUMNS": "80", "TERM": "dumb"})
    finally:
        path.write_text(shipped, encoding="utf-8")
    if shown.exit_code:
        raise SystemExit(f"{front}\n{shown.output}")
    lines = [line.rstrip() for line in shown.output.strip().splitlines()]
    if first is not None:
        return "\n".join([*lines[: int(first)], "…"]) + "\n"
    begin = max(number for number, line in enumerate(lines) if line.startswith("user ──"))
    return "\n".join(["…", *lines[begin:]]) + "\n"


def persona() -> str:
    """The words that the page on personas shows."""
    return re.findall(
        r"^```text\n(You are[^\n]*)\n```$", (DOCS / "personas.md").read_text(encoding="utf-8"), re.MULTILINE
    )[0]


def pages() -> Iterator[tuple[Path, str, str]]:
    """Each page that shows a technique, as it stands and as it should."""
    found = [(path, path.read_text(encoding="utf-8")) for path in sorted(DOCS.glob("*.md"))]
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder).resolve() / "mydocs"
        write(project, model=Default.extractive)
        (project / "documents").mkdir(exist_ok=True)
        (project / "documents" / "travel.md").write_text(TRAVEL, encoding="utf-8")
        (project / "prompts" / "personas").mkdir()
        (project / PERSONA).write_text(f"{persona()}\n", encoding="utf-8")
        CliRunner().invoke(app, ["ingest", "--project", str(project)])
        for path, text in found:
            if not SWITCHED.search(text):
                continue

            def anew(block: re.Match[str]) -> str:
                shown = explained(project, block["front"], block["first"])
                return f"{block[0][: block.start('shown') - block.start()]}{shown}```"

            yield path, text, SWITCHED.sub(anew, text)


if __name__ == "__main__":
    stale = [(path, wanted) for path, text, wanted in pages() if text != wanted]
    if "--check" in sys.argv:
        raise SystemExit("\n".join(f"{path.name} shows something else. Run: make docs" for path, _ in stale) or 0)
    for path, wanted in stale:
        path.write_text(wanted, encoding="utf-8")
