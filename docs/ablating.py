"""Writes what `ragstone prompt ablate` prints into docs/ablation.md, from a real run with a model of known skill.

    python docs/ablating.py            # or: make docs
    python docs/ablating.py --check    # exits with 1 when the page shows something else

The model is a server on this machine. It is right in 75 of 100 cases where it was shown an example, in 55 where not,
and steps change nothing: so the page shows a layer that gains, and one that does not.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import threading
from collections import Counter
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from page_shell import page_shell
from rule_server import Messages

PAGE = Path(__file__).with_name("ablation.md")
BLOCK = re.compile(
    r"```console\n\$ (?P<command>ragstone prompt ablate[^\n]*)\n(?P<shown>.*?)^```$", re.DOTALL | re.MULTILINE
)
SHOWN, BARE = 0.75, 0.55
CASES = 100
EXAMPLE = {"inputs": {"question": "How much is 20 + 22?"}, "rationale": "20 + 22 = 42.", "output": "42", "gold": True}
PROMPT = """\
---
name: solve
inputs: [{name: question, kind: string, required: true}]
model: {options: {temperature: 0.7, maxOutputTokens: 200}}
metadata:
  ragstone:
    layers:
      few_shot: {on: true, file: examples/sums.jsonl, k: 1}
      cot: {on: true}
---
user:
{{ question }}
"""


class Skilled:
    """Answers sums, by chance made of what is asked and how often that was asked before."""

    def __init__(self) -> None:
        self._asked, self._one = Counter[str](), threading.Lock()

    def __call__(self, messages: Messages) -> str:
        text = json.dumps(messages)
        with self._one:
            self._asked[text] += 1
            drawn = hashlib.sha256(f"{text}{self._asked[text]}".encode()).digest()
        first, second = map(int, re.findall(r"(\d+) \+ (\d+)", messages[-1]["content"])[0])
        right = int.from_bytes(drawn[:4], "big") / 2**32 < (SHOWN if len(messages) > 1 else BARE)
        total = first + second if right else first + second + 1
        return f"{first} + {second} = {total}.\nAnswer: {total}" if "step" in messages[-1]["content"] else str(total)


def write(project: Path) -> None:
    """The prompt, its example, and questions that are drawn by lot once and for all."""
    (project / "prompts" / "examples").mkdir(exist_ok=True)
    (project / "prompts" / "examples" / "sums.jsonl").write_text(json.dumps(EXAMPLE), encoding="utf-8")
    (project / "prompts" / "solve.prompty").write_text(PROMPT, encoding="utf-8")
    draw = Random(1)
    sums = [(draw.randint(100, 999), draw.randint(100, 999)) for _ in range(CASES)]
    rows = [json.dumps({"question": f"How much is {one} + {other}?", "answer": one + other}) for one, other in sums]
    (project / "cases.jsonl").write_text("\n".join(rows), encoding="utf-8")


def page() -> str:
    """The page as it should be."""

    def anew(block: re.Match[str]) -> str:
        with page_shell(Skilled(), model="skilled") as shell:
            shell.price("{input: 0.5, output: 2}")
            write(shell.project)
            return f"```console\n$ {block['command']}\n{shell.printed(block['command'])}\n```"

    return BLOCK.sub(anew, PAGE.read_text(encoding="utf-8"), count=1)


if __name__ == "__main__":
    wanted = page()
    if "--check" in sys.argv:
        raise SystemExit(wanted != PAGE.read_text(encoding="utf-8") and "docs/ablation.md is stale. Run: make docs")
    PAGE.write_text(wanted, encoding="utf-8")
