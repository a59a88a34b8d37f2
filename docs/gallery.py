"""Writes the gallery in prompts/README.md: a row for each prompt file, from what the file says of itself.

    python docs/gallery.py [--check]

With `--check` nothing is written, and a gallery that is out of date is an error.
"""

from __future__ import annotations

import sys
from pathlib import Path

from ragstone.prompts.file import PromptFile, load

PROMPTS = Path(__file__).parents[1] / "prompts"
BEGIN, END = "<!-- gallery: made by `make readme` -->", "<!-- end of gallery -->"


def main(check: bool) -> None:
    """Puts the rows between the two marks."""
    page = PROMPTS / "README.md"
    text = page.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    made = f"{before}{BEGIN}\n\n{gallery()}\n\n{END}{rest.split(END)[1]}"
    if check and made != text:
        raise SystemExit("prompts/README.md is out of date. Run: make readme")
    page.write_text(made, encoding="utf-8")


def gallery() -> str:
    """The table, `craft/` last."""
    files = (path for path in PROMPTS.rglob("*.prompty") if path.parent.name != "starters")
    paths = sorted(files, key=lambda path: (len(path.parts), path))
    rows = [_row(path.relative_to(PROMPTS), load(path)) for path in paths]
    return "\n".join(["| file | what it does | inputs |", "|---|---|---|", *rows])


def _row(path: Path, file: PromptFile) -> str:
    given = [f"`{one.name}`" if one.required else f"*{one.name}*" for one in file.inputs]
    return f"| [`{path}`]({path}) | {file.description} | {', '.join(given)} |"


if __name__ == "__main__":
    main("--check" in sys.argv[1:])
