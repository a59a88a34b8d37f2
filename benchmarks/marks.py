"""What the marks of passages cost: tokens of marked text over those of the same text with no mark, and milliseconds.

    python benchmarks/marks.py
    TIKTOKEN_CACHE_DIR=folder python benchmarks/marks.py    # with the files of OpenAI's encodings, counts by them too

The texts are the handbook's pages (English prose), this package's code, and two passages in Chinese and German; each is
cut into passages of 800 characters, eight to a prompt.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from ragstone.prompts.marks import SIGNS, Marking
from ragstone.prompts.passages import passages
from ragstone.prompts.tokens import Counter, counter
from ragstone.types import Chunk, Hit

ROOT = Path(__file__).parents[1]
LENGTH, EACH = 800, 8
MARKS = (Marking(), Marking("delimit"), Marking("datamark", SIGNS[0]), Marking("encode"))
MODELS = ("", "gpt-4o", "gpt-4")

CHINESE = "港口每天早上六点开门。渔船在日出之前出海，中午以前回来。市场在港口旁边，周一不营业。鳕鱼的价格每周公布一次。"
GERMAN = (
    "Der Hafen öffnet jeden Morgen um sechs Uhr. Die Fischerboote laufen vor Sonnenaufgang aus und kehren vor Mittag "
    "zurück. Der Fischmarkt liegt neben dem Hafenbecken und bleibt montags geschlossen. "
)


def texts() -> Mapping[str, Sequence[str]]:
    """Passages by the kind of text that they are cut from."""
    wholes = {
        "handbook": "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").glob("*.md"))),
        "code": "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "src").rglob("*.py"))[:60]),
        "German": GERMAN * 40,
        "Chinese": CHINESE * 120,
    }
    return {name: [text[at : at + LENGTH] for at in range(0, len(text), LENGTH)] for name, text in wholes.items()}


def prompts(found: Sequence[str], marking: Marking) -> list[str]:
    """The passages as they stand in prompts."""
    hits = [Hit(Chunk(id="1", document_id="1", uri="docs/page.md", title="", text=text, start=0, end=len(text), line=1),
                rank, {}) for rank, text in enumerate(found)]  # fmt: skip
    return [str(passages(hits[at : at + EACH], marking)[0]) for at in range(0, len(hits), EACH)]


def counters() -> list[Counter]:
    """The estimate, and the encodings whose files are there."""
    return list({found.name: found for found in (counter(model=model) for model in MODELS)}.values())


def main() -> None:
    """Prints a table for each counter."""
    found = texts()
    for count in counters():
        print(f"\n{count.name:22}" + "".join(f"{marking.kind:>10}" for marking in MARKS))
        for name, each in found.items():
            sums = [sum(count.count(text) for text in prompts(each, marking)) for marking in MARKS]
            print(f"{name:22}" + "".join(f"{total / sums[0]:10.2f}" for total in sums))
    print(f"\n{'ms per prompt of 8':22}", end="")
    for marking in MARKS:
        start = time.perf_counter()
        made = prompts(found["handbook"], marking)
        print(f"{1000 * (time.perf_counter() - start) / len(made):10.2f}", end="")
    print()


if __name__ == "__main__":
    main()
