"""The guards of an answer pipeline: what the person asks, what was found, and what a model says pass them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from ragstone.labels import trust_of
from ragstone.plan import Call
from ragstone.prompts.file import PromptFile
from ragstone.prompts.wire import mend
from ragstone.retrieval.expand import unheaded
from ragstone.retrieval.trim import cut
from ragstone.types import Context, Hit, Prompt
from ragstone.validation.engine import Inspection
from ragstone.validation.policy import Guard, at
from ragstone.validation.screening import Screening
from ragstone.verdicts import Stage, Subject, Verdict

__all__ = ["NO_GUARDS", "Guards", "Passed"]

TOLD = 500  # tokens in which a model is told what is wrong with its answer
GONE = "\0"
"""Stands for each character that was taken out of a passage, so that what is left keeps its place in the document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """What may go on: the inputs, or the passages; and whether the answer is that there is none."""

    values: Mapping[str, Any]
    hits: tuple[Hit, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
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
    def adding(self) -> frozenset[str]:
        """The checks of an answer whose score is of all that they have seen of it."""
        return frozenset(guard.name for guard in self.at("output") if guard.check.cumulative)

    @property
    def reasks(self) -> int:
        """How often a model may be asked for an answer again."""
        asking = (guard.policy for guard in (*self.all, *self.form) if guard.policy.on_fail == "reask")
        return max((policy.reasks for policy in asking), default=0)

    def plan(self, prompt: Prompt) -> tuple[Call, ...]:
        """The calls of a model that guards may ask for."""
        longest = prompt.options.max_tokens
        more = self.reasks * ((longest or 0) + TOLD)
        return (Call(layer="checks", does="correct", usual=0, most=self.reasks, more=more),) if self.reasks else ()

    def at_last(self) -> Guards:
        """The same for an answer that is not asked for again."""
        all_, form = (tuple(guard.at_last for guard in guards) for guards in (self.all, self.form))
        return replace(self, all=all_, form=form)

    async def inputs(self, file: PromptFile, values: Mapping[str, Any], *, context: Context) -> Passed:
        """What the person gave, past its guards. Raises CheckFailed."""
        guards = self.at("input")
        asked = str(values.get("question", ""))
        passed: dict[str, Any] = {}
        verdicts: list[Verdict] = []
        for name, value in values.items() if guards else ():
            if not isinstance(value, str) or file.trust.get(name) != "user":
                continue
            subject = Subject(text=value, stage="input", trust="user", question=asked)
            inspection = Inspection(guards, subject, context=context, where=name)
            text = await inspection.take(subject)
            verdicts += inspection.verdicts
            if text is None:
                return Passed(values=values, verdicts=tuple(verdicts), refrains=True)
            passed[name] = text
        return Passed(values={**values, **passed}, verdicts=tuple(verdicts))

    async def passages(self, hits: Sequence[Hit], *, question: str, context: Context) -> Passed:
        """The passages that may be read. One that a sentence was taken out of becomes two. Raises CheckFailed."""
        guards = self.at("passage")
        if not guards:
            return Passed(values={}, hits=tuple(hits))
        kept: list[Hit] = []
        verdicts: list[Verdict] = []
        for hit in hits:
            chunk = hit.chunk
            trust = trust_of(chunk.metadata)
            subject = Subject(text=chunk.text, stage="passage", trust=trust, question=question, hits=hits)
            inspection = Inspection(guards, subject, context=context, where=chunk.uri, blank=GONE)
            text = await inspection.take(subject)
            verdicts += inspection.verdicts
            if inspection.refrains:
                return Passed(values={}, verdicts=tuple(verdicts), refrains=True)
            kept += _left(hit, text or "")
        ranked = tuple(replace(hit, rank=rank) for rank, hit in enumerate(kept, 1)) if len(kept) != len(hits) else kept
        return Passed(values={}, hits=tuple(ranked), verdicts=tuple(one for one in verdicts if not one.passed))

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


def _answer(text: str, prompt: Prompt, hits: Sequence[Hit], question: str) -> Subject:
    return Subject(text=text, stage="output", trust="retrieved", question=question, hits=hits, prompt=prompt)


def _left(hit: Hit, text: str) -> list[Hit]:
    """The pieces of a passage that are left, each where it stands in its document; no heading is left that is gone."""
    if GONE not in text:
        return [hit] if text else []
    start = hit.chunk.start
    gone = [(start + match.start(), start + match.end()) for match in re.finditer(f"{GONE}+", text)]
    hit = replace(hit, chunk=replace(hit.chunk, spans=unheaded(hit.chunk.spans, gone)))
    pieces: list[Hit] = []
    place = 0
    for piece in text.split(GONE):
        words = piece.strip()
        if words:
            start = place + len(piece) - len(piece.lstrip())
            pieces.append(replace(hit, chunk=cut(hit.chunk, start, start + len(words))))
        place += len(piece) + 1
    return pieces
