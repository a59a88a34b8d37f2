"""How long prompt files take to load and to render, beside prompty where it is installed.

    python benchmarks/prompts.py

Two hundred files are copies of those that ship, each under a name of its own. A render puts values into the messages of
`answer.prompty`, with five passages of 800 characters; `build` is all that a request needs beside it: values checked,
special tokens broken up, tokens counted, slots recorded. prompty renders the same words with the same values.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ragstone.prompts.builder import build
from ragstone.prompts.file import PromptFile, load
from ragstone.types import Chunk, Hit

ROOT = Path(__file__).parents[1]
FILES, ROUNDS, LENGTH = 200, 500, 800
QUESTION = "When does the harbour open, and who says so?"


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "prompts"
        paths = copies(root)
        begun = time.perf_counter()
        files = [load(path) for path in paths]
        print(f"load {len(files)} files    {time.perf_counter() - begun:8.2f} s, the first with all imports done")
        file = load(ROOT / "prompts/answer.prompty")
        hits = passages()
        prompt = build(file, {"question": QUESTION}, hits=hits)
        values = {slot.name: slot.text for slot in prompt.slots}
        print(f"render             {milliseconds(lambda: file.body.render(values)):8.3f} ms")
        print(f"build, no passages {milliseconds(lambda: build(file, {'question': QUESTION}, hits=())):8.3f} ms")
        print(f"build, 5 passages  {milliseconds(lambda: build(file, {'question': QUESTION}, hits=hits)):8.3f} ms")
        if (peer := by_prompty(Path(folder), file, values)) is not None:
            print(f"prompty            {milliseconds(peer):8.3f} ms to render and parse the same")


def copies(root: Path) -> list[Path]:
    """The files to load, in a folder that has the parts, tests and examples of the shipped ones."""
    shipped = ROOT / "prompts"
    for path in shipped.rglob("*"):
        if path.is_file():
            (root / path.relative_to(shipped)).parent.mkdir(parents=True, exist_ok=True)
            (root / path.relative_to(shipped)).write_bytes(path.read_bytes())
    found = sorted(root.glob("*.prompty"))
    made: list[Path] = []
    for number in range(FILES):
        path = found[number % len(found)]
        made.append(root / f"copy{number}.prompty")
        made[-1].write_bytes(path.read_bytes())
    return made


def passages() -> list[Hit]:
    text = (ROOT / "docs/ingestion.md").read_text(encoding="utf-8")
    parts = [text[at : at + LENGTH] for at in range(0, 5 * LENGTH, LENGTH)]
    return [
        Hit(Chunk(id=str(n), document_id="d", uri="docs/ingestion.md", title="Ingestion", text=part, start=0,
                  end=len(part), line=1, spans=()), n, {})
        for n, part in enumerate(parts, 1)
    ]  # fmt: skip


def by_prompty(folder: Path, file: PromptFile, values: dict[str, str]) -> Callable[[], Any] | None:
    """The same words in a file of prompty."""
    try:
        import prompty
    except ImportError:
        return None
    messages = file.body.render({name: f"{{{{{name}}}}}" for name in values})
    said = "\n\n".join(f"{message.role}:\n{message.content}" for message in messages)
    path = folder / "peer.prompty"
    inputs = "".join(f"  - {{name: {name}, kind: string}}\n" for name in values)
    template = "template: {format: jinja2, parser: prompty}"
    front = f"name: peer\nmodel: {{id: m, provider: openai}}\ninputs:\n{inputs}{template}"
    path.write_text(f"---\n{front}\n---\n{said}\n", encoding="utf-8")
    loaded = prompty.load(str(path))
    return lambda: prompty.prepare(loaded, values)


def milliseconds(act: Callable[[], object]) -> float:
    """The median of one call."""
    spent: list[float] = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        act()
        spent.append(time.perf_counter() - begun)
    return 1000 * statistics.median(spent)


if __name__ == "__main__":
    main()
