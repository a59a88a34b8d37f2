"""The guards of an answer pipeline: what the person asks, what was found, and what a model says pass them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from math import inf
from typing import Any, cast

from ragstone.errors import ToolFailed
from ragstone.pipelines.finishing import merged
from ragstone.pipelines.passing import Passing
from ragstone.pipelines.request import Request
from ragstone.plan import Call
from ragstone.prompts.wire import mend
from ragstone.replies import Observation
from ragstone.types import Context, Hit, Prompt, Trust
from ragstone.validation.checks.judge import JudgeCheck
from ragstone.validation.engine import Inspection
from ragstone.validation.policy import Guard, at
from ragstone.validation.screening import Screening
from ragstone.verdicts import Stage, Subject, Verdict

__all__ = ["NO_GUARDS", "Guards", "Passed", "Seen"]

TOLD = 500  # tokens in which a model is told what is wrong with its answer, or a judge what to look for


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """What may go on: the inputs, or the passages; and whether the answer is that there is none."""

    values: Mapping[str, Any]
    hits: tuple[Hit, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    refrains: bool = False


@dataclass(slots=True)
class Seen:
    """What was wrong with what tools have found on the way to one answer."""

    verdicts: list[Verdict] = field(default_factory=list[Verdict])
    refrains: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Guards:
    """All guards of a pipeline, in the order of its file.

    `form` are those of an object as a whole, whose texts pass the others one by one. `citations`: whether the verdict
    on them is among those of an answer.
    """

    all: tuple[Guard, ...] = ()
    form: tuple[Guard, ...] = ()
    citations: bool = True

    def at(self, stage: Stage) -> Sequence[Guard]:
        """Those of a stage, cheap ones first."""
        return at(stage, self.all)

    @property
    def at_last(self) -> Guards:
        """Those of an answer that must see what others have made of it, and may not have it asked for again."""
        return replace(self.after(inf), all=tuple(guard for guard in self.at("output") if guard.check.last), form=())

    @property
    def adding(self) -> frozenset[str]:
        """The checks of an answer whose score is of all that they have seen of it."""
        return frozenset(guard.name for guard in self.at("output") if guard.check.cumulative)

    @property
    def reasks(self) -> int:
        """How often a model may be asked for an answer again."""
        asking = (guard.policy for guard in (*self.all, *self.form) if guard.policy.on_fail == "reask")
        return max((policy.reasks for policy in asking), default=0)

    def plan(self, prompt: Prompt) -> tuple[Call, ...]:
        """The calls of a model that guards ask for, or may. Of an object that is as many for each of its texts."""
        longest = prompt.options.max_tokens or 0
        calls: list[Call] = []
        if self.reasks:
            more = self.reasks * (longest + TOLD)
            calls.append(Call(layer="checks", does="correct", usual=0, most=self.reasks, more=more))
        judges = sum(isinstance(guard.check, JudgeCheck) for guard in self.at("output"))
        if judges:
            most = judges * (1 + self.reasks)
            read = sum(slot.tokens for slot in prompt.slots) + longest + TOLD
            calls.append(Call(layer="checks", does="review", usual=judges, most=most, more=read, alone=True))
        return tuple(calls)

    def after(self, reasks: float) -> Guards:
        """The same for an answer that was asked for again so often: who has had that many does what it does then."""
        all_, form = (tuple(guard.after(reasks) for guard in guards) for guards in (self.all, self.form))
        return replace(self, all=all_, form=form)

    async def admitted(self, request: Request) -> Request:
        """What the person gave as it may go on; earlier turns have passed in their time. Raises CheckFailed."""
        inspecting = _Inspecting(self, question=request.question, context=request.context)
        trust = request.file.trust.get
        question = await inspecting.value(request.question, "question", trust("question") or "user")
        inputs = {
            name: await inspecting.value(given, name, trust(name) or "user")
            for name, given in request.inputs.items()
            if name != "question"
        }
        query = request.query and request.query.replace(request.question, question)
        return replace(
            request,
            question=question,
            query=query,
            inputs=inputs,
            verdicts=(*request.verdicts, *inspecting.verdicts),
            refrains=inspecting.refrains,
        )

    async def found(self, values: Mapping[str, Any], *, question: str, context: Context) -> Passed:
        """What was looked up, by name, as it may be read. Raises CheckFailed."""
        inspecting = _Inspecting(self, question=question, context=context)
        values = {name: await inspecting.value(value, name, "tool") for name, value in values.items()}
        return Passed(values=values, verdicts=tuple(inspecting.verdicts), refrains=inspecting.refrains)

    async def passages(self, hits: Sequence[Hit], *, question: str, context: Context) -> Passed:
        """The passages that may be read. One that a sentence was taken out of becomes two. Raises CheckFailed.

        The verdicts are those on each that failed a check, and one of each check on all that passed it.
        """
        guards = self.at("passage")
        if not guards:
            return Passed(values={}, hits=tuple(hits))
        kept: list[Hit] = []
        verdicts: list[Verdict] = []
        passed: list[list[Verdict]] = []
        for hit in hits:
            passing = Passing(hit=hit, guards=guards, question=question, hits=hits, context=context)
            kept += await passing.left()
            verdicts += passing.verdicts
            passed += passing.passed
            if passing.refrains:
                return Passed(values={}, verdicts=tuple(verdicts), refrains=True)
        ranked = tuple(replace(hit, rank=rank) for rank, hit in enumerate(kept, 1)) if len(kept) != len(hits) else kept
        return Passed(values={}, hits=tuple(ranked), verdicts=(*verdicts, *merged(passed)))

    async def read(self, observation: Observation, name: str, context: Context, *, seen: Seen) -> Observation:
        """What a tool has found, as it may be read; `seen` takes note of what was wrong. Raises CheckFailed."""
        inspecting = _Inspecting(self, question="", context=context)
        text = await inspecting.value(observation.text, name, "tool")
        passed = await self.passages(observation.hits, question="", context=context)
        seen.verdicts += [*inspecting.verdicts, *(one for one in passed.verdicts if not one.passed)]
        seen.refrains = seen.refrains or inspecting.refrains or passed.refrains
        if not text and not passed.hits and (observation.text or observation.hits):
            raise ToolFailed("what was found may not be read", where=name, hint="Look for something else.")
        return replace(observation, text=text, hits=passed.hits)

    def screening(
        self,
        prompt: Prompt,
        hits: Sequence[Hit],
        *,
        question: str,
        last: bool = False,
        where: str = "",
        before: Screening | None = None,
        context: Context,
    ) -> Screening:
        """An answer on its way past its guards, or the `last` of them; one of a form is checked when it is whole.

        `where` names one text of a form, and `before` is the one that came before it.
        """
        subject = _answer("", prompt, hits, question)
        read = partial(mend, slots=prompt.slots)
        guards = [guard for guard in self.at("output") if guard.check.last or not last]
        late = prompt.output is not None
        return Screening(guards, subject, context=context, late=late, read=read, where=where, before=before)

    async def formed(
        self, text: str, prompt: Prompt, hits: Sequence[Hit], *, question: str, context: Context
    ) -> Inspection:
        """What those of its form say of a whole object, and do. Raises CheckFailed."""
        subject = _answer(text, prompt, hits, question)
        inspection = Inspection(self.form, subject, context=context)
        inspection.refrains = not await inspection.take(subject) or inspection.refrains
        return inspection


NO_GUARDS = Guards()


class _Inspecting:
    """The values of a prompt on their way past the guards of those who wrote them.

    What a person gave passes those of inputs, what others wrote those of passages, and the author's own words none.
    Lists and objects are gone through.
    """

    def __init__(self, guards: Guards, *, question: str, context: Context) -> None:
        self._guards, self._question, self._context = guards, question, context
        self.verdicts: list[Verdict] = []
        self.refrains = False

    async def value(self, value: Any, where: str, trust: Trust) -> Any:
        """A value as it may go on, empty where it may not."""
        stage: Stage = "input" if trust == "user" else "passage"
        guards = self._guards.at(stage)
        if trust == "author" or not guards:
            return value
        subject = Subject(text="", stage=stage, trust=trust, question=self._question)
        return await self._through(value, guards, subject, where)

    async def _through(self, value: Any, guards: Sequence[Guard], subject: Subject, where: str) -> Any:
        if isinstance(value, str):
            return await self._text(value, guards, subject, where) if value else value
        if isinstance(value, Mapping):
            given = cast("Mapping[Any, Any]", value)
            return {name: await self._through(each, guards, subject, where) for name, each in given.items()}
        if isinstance(value, list | tuple):
            return [await self._through(each, guards, subject, where) for each in cast("Sequence[Any]", value)]
        return value

    async def _text(self, text: str, guards: Sequence[Guard], subject: Subject, where: str) -> str:
        subject = replace(subject, text=text)
        inspection = Inspection(guards, subject, context=self._context, where=where)
        passed = await inspection.take(subject)
        failed_alone = subject.stage == "passage"
        self.verdicts += [one for one in inspection.verdicts if not (failed_alone and one.passed)]
        self.refrains = self.refrains or inspection.refrains or (passed is None and subject.stage == "input")
        return passed or ""


def _answer(text: str, prompt: Prompt, hits: Sequence[Hit], question: str) -> Subject:
    return Subject(text=text, stage="output", trust="retrieved", question=question, hits=hits, prompt=prompt)
