"""Runs as a suite leaves them, with metrics that read what was put there: for what reports and exports make of them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ragstone.evaluation.cases import Case, Evidence
from ragstone.evaluation.metrics.metric import Metric, Row, Tools
from ragstone.evaluation.outcomes import Outcome
from ragstone.evaluation.suites.kept import Run, Runs

STARTED = 1_790_000_000.0


class _Put(Metric):
    async def row(self, outcome: Outcome, tools: Tools) -> Row | None:
        raise AssertionError("the rows are there")


class Contained(_Put):
    """The words of an expected answer stand in the answer.

    More about it.
    """

    needs = frozenset({"expected"})


class Found(_Put):
    """A relevant document is found."""

    needs = frozenset({"relevant"})
    searches = True


class Cost(_Put):
    """Cost of a question."""

    better = "lower"
    unit = "USD"
    most = None
    passing = None


class Slowest(_Put):
    """Seconds within which 95 of 100 questions are answered."""

    better = "lower"
    unit = "s"
    most = None
    passing = None

    def figure(self, rows: np.ndarray) -> float:
        return float(np.percentile(rows[:, 0], 95))


METRICS: tuple[Metric, ...] = (Found("hit@5"), Contained("contained"), Cost("cost"))
ALL: tuple[Metric, ...] = (*METRICS, Slowest("latency@95"))
"""With one whose figure is no mean: its interval takes a second."""


@dataclass(frozen=True)
class Gate:
    pipeline: str
    asked: str
    found: str
    passed: bool


def case(number: int, **more: Any) -> Case:
    given: dict[str, Any] = {
        "id": f"q{number}",
        "question": f"What does rule {number} say?",
        "where": f"evals/rules.jsonl:{number}",
        "expected": (f"Rule {number} says {number}.",),
        "relevant": (Evidence(uri=f"rules-{number % 7}.md", start=10, end=40),),
        "tags": ("rules", ("short", "long")[number % 2]),
    }
    return Case(**{**given, **more})


def outcome(
    asked: Case, *, pipeline: str = "answer", right: bool = True, text: str | None = None, words: str = "", **more: Any
) -> Outcome:
    """An answer with its passages; `words` stand in each of them and in what it cites."""
    number = int(asked.id[1:]) if asked.id[1:].isdigit() else 1
    passage = f"Rule {number} says {number}, and nobody may change it. {words}"
    hits = [
        {"uri": f"rules-{at}.md", "start": at, "end": at + len(passage), "text": passage, "scores": {"fused": 1 / at}}
        for at in range(1, 6)
    ]
    citation = {"uri": "rules-1.md", "page": None, "heading": None, "start": 1, "end": 1 + len(passage)}
    answer = {
        "text": text if text is not None else f"Rule {number} says {number if right else 'nothing'} [1].",
        "abstained": False,
        "citations": [{**citation, "quote": passage, "chunk_id": "c"}],
        "hits": hits,
        "prompt": {"name": "answer", "version": "1a2b3c"},
        "model": "extractive",
        "usage": {"input_tokens": 900, "output_tokens": 20, "cached_tokens": 0},
        "cost": 0.0004,
        "confidence": 0.4 + 0.5 * right + 0.01 * (number % 10),
        "verdicts": [],
    }
    seconds = 0.1 + 0.01 * (number % 13)
    rows = {
        "hit@5": (float(number % 9 > 0),),
        "contained": (float(right),),
        "cost": (0.0004 + 0.00001 * (number % 5),),
        "latency@95": (seconds,),
    }
    given: dict[str, Any] = {"case": asked, "pipeline": pipeline, "answer": answer, "seconds": seconds, "rows": rows}
    return Outcome(**{**given, **more})


def run(
    outcomes: Sequence[Outcome], *, name: str = "rules-1", folder: Path | None = None, ended: bool = True, **more: Any
) -> Run:
    pipelines = dict.fromkeys(one.pipeline for one in outcomes) or {"answer": None}
    facts: dict[str, Any] = {
        "suite": name.rpartition("-")[0] or name,
        "key": "k",
        "started": STARTED,
        "ended": STARTED + 75 if ended else None,
        "metrics": [metric.name for metric in ALL],
        "pipelines": {one: {"pipeline": one, "prompt": "answer", "model": None, "k": 5} for one in pipelines},
        "repeats": 1 + max((one.repeat for one in outcomes), default=0),
        "cache": "off",
        "cases": len({one.case.id for one in outcomes}),
        "version": "0.1.0",
        "notes": [],
        "contamination": [],
        "gates": [],
    }
    return Run(name=name, folder=folder or Path("evals") / name, facts={**facts, **more}, outcomes=list(outcomes))


def mixed(count: int, share: float, *, seed: int = 0, pipeline: str = "answer", words: str = "") -> list[Outcome]:
    """So many answers of which about a share is right; one in eleven abstains, where most should."""
    chance, found = random.Random(seed), list[Outcome]()
    for number in range(1, count + 1):
        right = chance.random() < share
        if number % 11 == 0:
            asked = case(number, expected=(), abstains=True)
            rows = {"cost": (0.0004,), "latency@95": (0.3,)}
            one = outcome(asked, pipeline=pipeline, right=right, rows=rows, words=words)
            found.append(_silent(one) if right else one)
        else:
            found.append(outcome(case(number), pipeline=pipeline, right=right, words=words))
    return found


def _silent(one: Outcome) -> Outcome:
    answer = {**one.answer, "text": "I cannot tell.", "abstained": True, "citations": [], "confidence": None}
    return Outcome(case=one.case, pipeline=one.pipeline, answer=answer, seconds=one.seconds, rows=one.rows)


def kept(root: Path, made: Run) -> Run:
    """The same run as it lies on the disk of a project."""
    with Runs(root).begin(made.facts["suite"], dict(made.facts), anew=True) as file:
        for one in made.outcomes:
            file.add(one)
        if made.facts["ended"] is not None:
            file.end(file.facts)
    return Runs(root).read(file.name)
