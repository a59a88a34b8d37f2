"""Writes what `ragstone eval judge` and `prefer` print into docs/judging-answers.md, from real runs of a known judge.

    python docs/judging.py            # or: make docs
    python docs/judging.py --check    # exits with 1 when the page shows something else

The judge is a server on this machine. It knows what people think of each answer, is kinder than they are, above all to
long answers, and leans to the first of two: so the page shows how such a judge is found out.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from pathlib import Path
from random import Random

from ragstone.evaluation.cases import Case
from ragstone.evaluation.outcomes import Outcome
from ragstone.evaluation.suites.kept import Runs

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from page_shell import page_shell
from rule_server import Messages

PAGE = Path(__file__).with_name("judging-answers.md")
BLOCK = re.compile(
    r"```console\n\$ (?P<command>ragstone eval (?:judge|prefer)[^\n]*)\n(?P<shown>.*?)^```$", re.DOTALL | re.MULTILINE
)
LABELS, PAIRS = 60, 50
LONG = 22  # words, from which on the judge is kinder
KIND = {False: (0.7, 0.2), True: (0.1, 0.6)}  # of people's grade, and of one more; else one less, or two
PLACE = 0.25  # the chance of "first", whatever the answers are


def drawn(text: str) -> float:
    """A number from 0 to 1 that a text always has."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") / 2**32


def quality(answer: str) -> int:
    """What people think of an answer, from 1 to 5: it names so many of the five facts."""
    return max(1, min(5, len(set(re.findall(r"fact (\d)", answer)))))


def written(facts: int, words: int) -> str:
    """An answer of so many facts, with words that say nothing."""
    named = ", ".join(f"fact {number}" for number in range(1, facts + 1))
    return f"It is {named}" + " indeed" * words + "."


def judged(messages: Messages) -> str:
    """What the judge says, with known faults, by chance made of what it reads."""
    text = messages[-1]["content"]
    return _preferred(text) if "Second answer:" in text else _graded(text)


def _graded(text: str) -> str:
    answer = text.partition("Answer:\n\n")[2]
    chance, long = drawn(text), len(answer.split()) > LONG
    same, more = KIND[long]
    change = 0 if chance < same else 1 if chance < same + more else 2 if long else -1
    return f"It names {quality(answer)} of the facts.\nGrade: {max(1, min(5, quality(answer) + change))}"


def _preferred(text: str) -> str:
    first, _, second = text.partition("First answer:")[2].partition("Second answer:")
    one, other = quality(first), quality(second)
    better = "first" if one > other else "second" if other > one else "equal"
    return f"I have read both.\nBetter: {'first' if drawn(text) < PLACE else better}"


def write(project: Path) -> None:
    """Grades of people and two runs, all drawn by lot once and for all."""
    draw, rows = Random(1), list[str]()
    for at in range(LABELS):
        answer = written(draw.randint(1, 5), draw.randint(0, 40))
        row = {"question": f"What holds of part {at}?", "answer": answer, "grade": quality(answer)}
        rows.append(json.dumps({**row, "rubric": "It names all five facts."}))
    (project / "labels.jsonl").write_text("\n".join(rows), encoding="utf-8")
    for model, least in (("small", 1), ("large", 2)):
        keep(project, model, [written(draw.randint(least, 5), draw.randint(0, 40)) for _ in range(PAIRS)])


def keep(project: Path, model: str, answers: list[str]) -> None:
    """A run of the suite `handbook`, answered by this model."""
    facts = {"suite": "handbook", "key": model, "pipelines": {"answer": {"model": model}}, "metrics": []}
    with Runs(project).begin("handbook", facts, anew=True) as file:
        for at, text in enumerate(answers):
            case = Case(id=f"part {at}", question=f"What holds of part {at}?", rubric="It names all five facts.")
            file.add(Outcome(case=case, pipeline="answer", answer={"text": text, "abstained": False, "model": model}))
        file.end(file.facts)


def page() -> str:
    """The page as it should be."""
    with page_shell(judged, model="leaning") as shell:
        shell.price("{input: 0.5, output: 2}")
        write(shell.project)

        def anew(block: re.Match[str]) -> str:
            return f"```console\n$ {block['command']}\n{shell.printed(block['command'])}\n```"

        return BLOCK.sub(anew, PAGE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    wanted = page()
    if "--check" in sys.argv:
        raise SystemExit(
            wanted != PAGE.read_text(encoding="utf-8") and "docs/judging-answers.md is stale. Run: make docs"
        )
    PAGE.write_text(wanted, encoding="utf-8")
