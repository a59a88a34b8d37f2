"""Builds examples with their reasoning from questions alone: Auto-CoT, for a person to review.

Zhang et al., Automatic Chain of Thought Prompting, 2022 (arXiv 2210.03493): questions are grouped by their vectors; of
each group the question nearest to its centre is solved step by step, and the next one where that makes no example. So
the examples differ, and a wrong one has no like beside it.

    build = AutoCot(file, router, asking=load(auto_cot))
    groups = await build.groups(questions, embedder=embedder, k=8)
    made = await build.examples(groups)
    rows = made.rows
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ragstone.errors import EmbedderError, ModelRejected, ModelTimeout, PromptError, UsageError
from ragstone.inference.router import Router
from ragstone.pipelines.prompted import prompted
from ragstone.pipelines.runner import PromptRunner
from ragstone.prompts.examples import asked
from ragstone.prompts.file import PromptFile
from ragstone.prompts.questions import QUESTION, Asked, distinct
from ragstone.prompts.rationales import (
    LONGEST_QUESTION,
    Rationale,
    fault,
    form_of,
    misfitting,
    rationale,
    solved,
    words,
)
from ragstone.prompts.selectors import beginning
from ragstone.protocols import Embedder
from ragstone.text.clusters import clustered
from ragstone.together import together
from ragstone.types import Completion, Context, Prompt

__all__ = ["ASKING", "MOST", "TRIES", "AutoCot", "Group", "Made", "Outcome", "Refusal"]

ASKING = "auto_cot"
"""The prompt that asks the model."""

BY = "auto-cot"
MOST = 100  # examples: as many as a prompt file may show
TRIES = 5  # questions of a group that are asked at most
AT_ONCE = 4  # groups that are asked side by side
BATCH = 512  # questions that are embedded between two signs of life

Progress = Callable[[int, int], None]  # how many are done, and of how many


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Questions that are like each other, nearest to their centre first, each with 1 - its cosine with that."""

    number: int  # from 1
    questions: tuple[Asked, ...]
    distances: tuple[float, ...]

    def candidates(self, tries: int) -> list[Asked]:
        """Those that are asked one after the other until one makes an example."""
        return [one for one in self.questions if words(one.text) <= LONGEST_QUESTION][:tries]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A question that made no example, and why."""

    question: Asked
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one group. `row` is its example as it stands in a file; None where no question made one."""

    group: Group
    calls: int
    refused: tuple[Refusal, ...]
    chosen: Asked | None = None
    row: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """The outcomes of all groups, in their order, and what the model was asked for them."""

    outcomes: tuple[Outcome, ...]
    completions: tuple[Completion, ...]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The examples, those of the largest groups first."""
        return [one.row for one in self.outcomes if one.row is not None]

    @property
    def data(self) -> bytes:
        """The file of examples."""
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in self.rows).encode("utf-8", "replace")

    @property
    def tokens(self) -> int:
        """Of all that was asked and said."""
        return sum(one.usage.input_tokens + one.usage.output_tokens for one in self.completions)

    @property
    def cost(self) -> float:
        """Of all calls, in USD."""
        return sum(one.cost for one in self.completions)


class AutoCot:
    """Builds examples for one prompt file with the models of a route.

    `asking` is the prompt that the model gets; `timeout` is for each answer, in seconds. Raises PromptError where the
    prompt's outputs have no place for steps and one answer, and NotConfigured where no model writes.
    """

    def __init__(
        self, file: PromptFile, router: Router, *, asking: PromptFile, tries: int = TRIES, timeout: float = 120.0
    ) -> None:
        if all(one.name != QUESTION for one in asking.given):
            raise PromptError("takes no question", where=str(asking.path), expected="an input named 'question'")
        if tries < 1:
            raise UsageError("no question would be asked", where="tries", expected="at least 1", found=str(tries))
        router.require_generative(asking.name)
        self.file, self.router, self.asking, self.tries, self.timeout = file, router, asking, tries, timeout
        self.completions: list[Completion] = []
        self._form = form_of(file)
        self._runner = PromptRunner(router, lambda _: asking, models=())

    async def groups(
        self, questions: Sequence[Asked], *, embedder: Embedder, k: int, seed: int = 0, progress: Progress | None = None
    ) -> list[Group]:
        """At most k groups, the largest first: fewer, where fewer vectors differ. Of equal questions the first counts.

        Raises UsageError for a k that is out of range or larger than the number of questions.
        """
        if not 1 <= k <= MOST:
            raise UsageError("k is out of range", where="k", expected=f"1 to {MOST}", found=str(k))
        different = distinct(questions)
        if len(different) < k:
            raise UsageError(
                "there are fewer questions than examples to build",
                expected=f"at least k, which is {k}",
                found=f"{len(different)} that differ",
                hint="Give more questions, or a smaller k.",
            )
        rows = await self._embedded(different, embedder, progress)
        clusters = await asyncio.to_thread(clustered, rows, k=k, seed=seed)
        members = [clusters.members(cluster) for cluster in range(len(clusters.centers))]
        return [
            Group(
                number=number,
                questions=tuple(different[place] for place in places),
                distances=tuple(round(float(clusters.distances[place]), 4) for place in places),
            )
            for number, places in enumerate(members, 1)
        ]

    async def _embedded(self, questions: Sequence[Asked], embedder: Embedder, progress: Progress | None) -> Any:
        import numpy as np

        await embedder.load()
        texts = [beginning(one.text, embedder) for one in questions]
        parts: list[Any] = []
        for first in range(0, len(texts), BATCH):
            part = texts[first : first + BATCH]
            made = np.asarray(await embedder.embed(part, context=Context()))
            if made.ndim != 2 or len(made) != len(part) or not np.isfinite(made).all():
                raise EmbedderError("the embedder gave no vector for some questions", where=embedder.name or None)
            parts.append(made)
            if progress is not None:
                progress(min(first + BATCH, len(texts)), len(texts))
        return np.concatenate(parts)

    def most_calls(self, groups: Sequence[Group]) -> int:
        """The calls that are never exceeded."""
        return sum(len(group.candidates(self.tries)) for group in groups)

    async def longest(self, groups: Sequence[Group]) -> Prompt | None:
        """The longest prompt that may be sent; None where none would be."""
        candidates = [one for group in groups for one in group.candidates(self.tries)]
        longest = max(candidates, key=lambda one: len(str(self._inputs(one))), default=None)
        if longest is None:
            return None
        return await prompted(self.asking, self._inputs(longest), router=self.router, context=Context())

    async def examples(self, groups: Sequence[Group], *, progress: Progress | None = None) -> Made:
        """Asks the model. A question that it refuses or is too slow for makes no example; another failure ends all."""
        turn = asyncio.Semaphore(AT_ONCE)
        ended = 0

        async def one(group: Group) -> Outcome:
            nonlocal ended
            async with turn:
                outcome = await self._outcome(group)
            ended += 1
            if progress is not None:
                progress(ended, len(groups))
            return outcome

        outcomes = await together(one(group) for group in groups)
        _name(outcomes)
        return Made(outcomes=tuple(outcomes), completions=tuple(self.completions))

    async def _outcome(self, group: Group) -> Outcome:
        candidates = {one.line for one in group.candidates(self.tries)}
        refused: list[Refusal] = []
        calls = 0
        for question, distance in zip(group.questions, group.distances, strict=True):
            if calls == len(candidates) and refused:
                break
            if question.line not in candidates:
                refused.append(Refusal(question=question, why=f"it has more than {LONGEST_QUESTION} words"))
                continue
            calls += 1
            made = await self._asked(question)
            if isinstance(made, str):
                refused.append(Refusal(question=question, why=made))
                continue
            row = self._row(question, *made)
            row["about"] |= {"group": group.number, "size": len(group.questions), "distance": distance, "tried": calls}
            row["about"]["refused"] = [{"line": one.question.line, "why": one.why} for one in refused]
            return Outcome(group=group, calls=calls, refused=tuple(refused), chosen=question, row=row)
        return Outcome(group=group, calls=calls, refused=tuple(refused))

    async def _asked(self, question: Asked) -> tuple[Rationale, str] | str:
        """What the model wrote and its name, or why that is no example."""
        try:
            context = Context(cache="off").within(self.timeout)
            completion = await self._runner.run(self.asking.name, self._inputs(question), context=context)
        except (ModelRejected, ModelTimeout) as error:
            return f"the model gave no answer: {error.message}"
        self.completions.append(completion)
        if completion.finish_reason == "length":
            return "what the model wrote was cut off before its end"
        found = rationale(completion.text)
        why = fault(found) or misfitting(solved(found, self._form, self.file.output)["output"], self.file.output)
        return why or (found, completion.model)

    def _inputs(self, question: Asked) -> dict[str, object]:
        """What the model is told: as much of it as its prompt, which may be the project's own, asks for."""
        given: dict[str, object] = {
            QUESTION: asked(question.inputs),
            "task": self.file.description,
            "text": "\n\n".join(passage["text"] for passage in question.passages),
        }
        declared = {one.name for one in self.asking.given}
        return {name: value for name, value in given.items() if name in declared}

    def _row(self, question: Asked, found: Rationale, model: str) -> dict[str, Any]:
        return {
            "id": "",  # see _name
            "inputs": dict(question.inputs),
            **solved(found, self._form, self.file.output),
            **({"passages": list(question.passages)} if question.passages else {}),
            "gold": False,
            "about": {"by": BY, "model": model, "line": question.line, "row": dict(question.more)},
        }


def _name(outcomes: Sequence[Outcome]) -> None:
    """Gives each example an id: that of its question, where it has one of its own."""
    taken: set[str] = set()
    for one in outcomes:
        if one.row is None or one.chosen is None:
            continue
        given = one.chosen.more.get("id")
        name = given if isinstance(given, str) and given.strip() and given not in taken else f"{BY}-{one.group.number}"
        taken.add(name)
        one.row["id"] = name
