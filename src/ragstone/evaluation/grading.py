"""Makes examples of graded questions: searches for each, and asks the models whose grades are missing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from ragstone.asked import Asked
from ragstone.errors import ModelDenied, ModelError, NotAllowed, NotConfigured, UsageError
from ragstone.evaluation.difficulty import Example
from ragstone.evaluation.graded import Grade, Graded, GradeFile, grade
from ragstone.inference.features import features
from ragstone.inference.strategies import cost_of
from ragstone.pipelines.answer import AnswerPipeline
from ragstone.project import Project
from ragstone.samples import AT_ONCE
from ragstone.together import together
from ragstone.types import Answer, Context, Prompt

__all__ = ["Examples", "Grading", "Missing", "by_hand"]

HOPELESS = 20  # requests that fail, and no answer yet: nothing will come
SHARE = "of the questions go up"

Told = Callable[[int, int], None]
"""Is told how many are done, and how many there will be."""


@dataclass(frozen=True, slots=True)
class Missing:
    """A grade that is not known yet: of which line, and which model."""

    at: int
    model: str
    key: Grade


@dataclass(frozen=True, slots=True)
class Examples:
    """What can be learnt from, in which `unit` its costs are, and why questions were left out."""

    examples: tuple[Example, ...]
    unit: str
    left_out: tuple[str, ...]


def by_hand(project: Project, pipeline: str) -> Project:
    """The project with another strategy than by_difficulty, which cannot be had before it is calibrated.

    Prompts are built as by_difficulty has them built: so that each model of the route can have them.
    """
    located, spec = project.pipeline(pipeline), project.answer_spec(pipeline)
    route = {**located.value["route"], "strategy": "cheapest"}
    route.pop("difficulty", None)
    changed = Project(project.root, project.state)
    changed.pipelines[pipeline] = replace(located, value={**located.value, "route": route})
    assert changed.answer_spec(pipeline).route.models == spec.route.models
    return changed


class Grading:
    """Graded questions on their way to examples.

    >>> grading = Grading(pipeline, rows, kept=GradeFile(path), context=context)
    >>> await grading.search()
    >>> await grading.ask()
    >>> grading.examples().examples
    """

    def __init__(
        self, pipeline: AnswerPipeline, rows: Sequence[Graded], *, kept: GradeFile, context: Callable[[], Context]
    ) -> None:
        self.pipeline, self.rows, self._kept, self._context = pipeline, rows, kept, context
        self.models = self._calibrated()
        self._prompts: list[Prompt | None] = [None] * len(rows)
        self._features: list[tuple[float, ...]] = [()] * len(rows)
        self._failed: dict[int, str] = {}

    def _calibrated(self) -> tuple[str, ...]:
        """The models that are compared, from the smallest on. Raises UsageError for grades that do not belong together.

        Those that are graded; where lines hold right answers instead, those of the route, without models that only
        quote at its end: there they help out where no other can be had.
        """
        route = self.pipeline.router.listed
        named = {name for row in self.rows for name in row.grades}
        if all(row.grades for row in self.rows):
            models = tuple(name for name in route if name in named)
        else:
            able = self.pipeline.router.models
            writing = [at for at, name in enumerate(route) if name not in able or able[name].capabilities.generative]
            models = route[: max(writing, default=-1) + 1]
        if len(models) < 2:
            expected, found = "two models or more", ", ".join(models) or "none"
            hint = "Name a small and a larger one under `route`, the small one first."
            raise UsageError("there is nothing to choose between", expected=expected, found=found, hint=hint)
        for row in self.rows:
            lacking = [name for name in models if name not in row.grades]
            if lacking and not row.right:
                raise UsageError(
                    f"the grade of {' and '.join(lacking)} is missing",
                    where=row.where,
                    expected="one of each of " + ", ".join(models),
                    hint="Grade it, or give the right answer, and the model is asked.",
                )
        return models

    # ── Searching ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def search(self, *, told: Told | None = None) -> None:
        """Builds the prompt of each question, as it would be sent. No model is asked."""
        if await self.pipeline.empty():
            raise UsageError("nothing was ingested yet", hint="Run: ragstone ingest")
        jobs, done = iter(range(len(self.rows))), 0

        async def build() -> None:
            nonlocal done
            for at in jobs:
                prompt = await self.pipeline.explain(self.rows[at].question, context=self._context())
                self._prompts[at], self._features[at] = prompt, await asyncio.to_thread(features, prompt)
                done += 1
                if told is not None:
                    told(done, len(self.rows))

        await together(build() for _ in range(AT_ONCE))

    # ── Asking ───────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def missing(self) -> list[Missing]:
        """The grades that neither the file holds nor an earlier run has found."""
        unknown = (
            Missing(at, name, self._key(at, name))
            for at, row in enumerate(self.rows)
            for name in self.models
            if name not in row.grades
        )
        return [one for one in unknown if one.key not in self._kept.kept]

    @property
    def calls(self) -> int:
        """Those of a model that the missing grades take, when all goes well."""
        return sum(self._prompt(one.at).calls for one in self.missing)

    @property
    def cost(self) -> float | None:
        """What they cost, in USD, with answers of the expected length; None where a price is not known."""
        costs = [self._cost(one.at, one.model) for one in self.missing]
        return None if None in costs else sum(cost for cost in costs if cost is not None)

    def _key(self, at: int, name: str) -> Grade:
        row, model = self.rows[at], self.pipeline.router.models.get(name)
        known = model.capabilities.model if model is not None else ""
        version = self._prompt(at).version
        return Grade(row.question, row.right, f"{name} {known}".strip(), version)

    def _prompt(self, at: int) -> Prompt:
        found = self._prompts[at]
        assert found is not None, "it was searched for before"
        return found

    def _cost(self, at: int, name: str) -> float | None:
        prompt, model = self._prompt(at), self.pipeline.router.models.get(name)
        one = cost_of(model, prompt) if model is not None else None
        return None if one is None else one * prompt.calls

    async def ask(self, *, told: Told | None = None) -> None:
        """Asks for what is missing, and keeps each grade. Raises NotConfigured, ModelDenied, and where all fails."""
        missing = self.missing
        pipelines = {name: self._of(name) for name in {one.model for one in missing}}
        jobs, done, answered, failed = iter(missing), 0, False, 0
        fatal: list[ModelError] = []  # others finish what they have asked: it is paid for, and is kept

        async def work() -> None:
            nonlocal done, answered, failed
            for one in jobs:
                if fatal:
                    return
                try:
                    answer = await _answered(pipelines[one.model], self.rows[one.at].question, self._context())
                except ModelDenied as error:
                    fatal.append(error)
                    return
                except ModelError as error:
                    self._failed[one.at] = _why(one.model, error)
                    failed += not isinstance(error, NotAllowed)
                    if not answered and failed >= HOPELESS:
                        fatal.append(error)
                        return
                else:
                    answered = True
                    value = 0.0 if answer.abstained else grade(answer.text, one.key.right)
                    await asyncio.shield(asyncio.to_thread(self._kept.keep, one.key, value, said=answer.text))
                done += 1
                if told is not None:
                    told(done, len(missing))

        await together(work() for _ in range(AT_ONCE))
        if fatal:
            raise fatal[0]

    def _of(self, name: str) -> AnswerPipeline:
        router = self.pipeline.router.only(name)
        try:
            router.require()
        except NotConfigured as error:
            raise NotConfigured(error.message, where=name, hint=error.hint) from None
        return self.pipeline.using(router=router)

    # ── Examples ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def examples(self) -> Examples:
        """The questions of which every grade is known."""
        whole = [at for at in range(len(self.rows)) if at not in self._failed]
        costs, unit = self._costs(whole)
        found = [
            Example(self.rows[at].question, self._grades(at), costs[place], self._features[at])
            for place, at in enumerate(whole)
        ]
        reasons = [*self._failed.values()]
        left = [
            f"{reasons.count(why)} question{'s' * (reasons.count(why) != 1)} left out: {why}"
            for why in dict.fromkeys(reasons)
        ]
        return Examples(tuple(found), unit, tuple(left))

    def _grades(self, at: int) -> dict[str, float]:
        given = self.rows[at].grades
        return {name: given[name] if name in given else self._kept.kept[self._key(at, name)] for name in self.models}

    def _costs(self, whole: Sequence[int]) -> tuple[list[Mapping[str, float]], str]:
        """In USD, where every price is known and the models differ; else each step up the list costs as much."""
        rows = [{name: self._cost(at, name) for name in self.models} for at in whole]
        known = [{name: cost for name, cost in row.items() if cost is not None} for row in rows]
        if rows and all(len(row) == len(self.models) for row in known):
            means = {fmean(row[name] for row in known) for name in self.models}
            if len(means) == len(self.models):
                return [*known], "USD"
        last = len(self.models) - 1
        return [{name: place / last for place, name in enumerate(self.models)} for _ in whole], SHARE


async def _answered(pipeline: AnswerPipeline, question: str, context: Context) -> Answer:
    last: Answer | None = None
    async for part in pipeline.stream(Asked(question=question), context=replace(context, unread=True, cache="off")):
        last = part if isinstance(part, Answer) else last
    assert last is not None, "an answer ends with itself"
    return last


def _why(model: str, error: ModelError) -> str:
    if isinstance(error, NotAllowed):
        return f"{model} may not have them ({error.message})"
    return f"{model} gave no answer ({error.message})"
