"""One answer on its way from a model to its reader: what it says is checked while it is said, and asked for again."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import partial

from ragstone.errors import ModelError, NotConfigured
from ragstone.inference.router import Router
from ragstone.pipelines.checking import shown
from ragstone.pipelines.finishing import Said, merged, said
from ragstone.pipelines.guards import Guards
from ragstone.pipelines.layered import LayerCalls, Runs
from ragstone.prompts.file import PromptFile
from ragstone.prompts.layers.solving import Outcome
from ragstone.prompts.layers.words import words
from ragstone.prompts.wire import mend
from ragstone.samples import used
from ragstone.types import Context, Delta, Prompt
from ragstone.validation.outputs import Opened
from ragstone.validation.screening import Screened, Screening
from ragstone.verdicts import Verdict

__all__ = ["Saying", "asked_again"]

NOT_ASKED = "The answer failed its check, and could not be asked for again: {error}"
ASKED = "The answer was asked for again, since it failed: {checks}"


class Saying:
    """Takes an answer piece by piece, and gives what may be said of it.

    It was asked for again `reasks` times; who may not have that done once more does what it does otherwise. Nothing is
    given of what has a form: it is read when it is whole.
    """

    def __init__(self, guards: Guards, prompt: Prompt, *, question: str, reasks: float, context: Context) -> None:
        self.guards = guards.after(reasks)
        self._question, self._context = question, context
        self._prompt = prompt
        self.restart()

    def restart(self) -> None:
        """What came before is void."""
        self._heard = list[str]()
        self._told = False
        self._now = self._screening(self._prompt)

    async def feed(self, text: str) -> str:
        """What may be said now. Raises CheckFailed."""
        if self._prompt.output is not None:
            return ""
        self._heard.append(text)
        told = await self._now.feed(text)
        self._told = self._told or bool(told)
        return told

    async def finish(self, outcome: Outcome) -> tuple[Said, Delta, tuple[str, ...]]:
        """What may be said in all, what of it was not yet, and what is wrong with it. Raises CheckFailed.

        Where a model has said one thing and ended with another, the reader begins anew with that.
        """
        found = await asyncio.to_thread(said, outcome.prompt, outcome.completion)
        if found.form is not None:
            return await self._formed(outcome, found, found.form)
        if self._heard and "".join(self._heard).strip() == outcome.completion.text.strip():
            screened = await self._now.finish()
            return _said(found, [screened]), Delta(screened.rest), screened.faults
        screened = await self._screened(outcome.completion.text, outcome.prompt)
        return _said(found, [screened]), Delta(screened.text, restart=self._told), screened.faults

    async def _formed(self, outcome: Outcome, found: Said, form: Opened) -> tuple[Said, Delta, tuple[str, ...]]:
        prompt, verdicts, faults = outcome.prompt, list[Verdict](), list[str]()
        if self.guards.form and not found.abstains(prompt):
            text = mend(outcome.completion.text, prompt.slots)
            judged = await self.guards.formed(
                text, prompt, shown(prompt), question=self._question, context=_of(prompt, self._context)
            )
            verdicts, faults = list(judged.verdicts), judged.faults
            if judged.refrains:
                return replace(found, verdicts=tuple(verdicts), refrained=True), Delta(""), ()
        texts: list[Screened] = []
        before: Screening | None = None
        for path, text in zip(form.paths, found.texts, strict=True):
            before = self._screening(prompt, where=path, before=before)
            await before.feed(text)
            texts.append(await before.finish())
        named = zip(form.value_paths, form.values, strict=True)
        values: list[Screened] = []
        for path, value in named:
            before = self._screening(prompt, last=True, where=path, before=before)
            await before.feed(value)
            values.append(await before.finish())
        faults += [fault for one in (*texts, *values) for fault in one.faults]
        whole = _said(found, texts, values, adding=self.guards.adding)
        if any(map(str.strip, found.texts)) and not any(map(str.strip, whole.texts)):
            whole = replace(whole, refrained=True)  # of its words nothing is left
        return replace(whole, verdicts=(*verdicts, *whole.verdicts)), Delta(""), tuple(dict.fromkeys(faults))

    async def _screened(self, text: str, prompt: Prompt, *, last: bool = False, where: str = "") -> Screened:
        screening = self._screening(prompt, last=last, where=where)
        await screening.feed(text)
        return await screening.finish()

    def _screening(
        self, prompt: Prompt, *, last: bool = False, where: str = "", before: Screening | None = None
    ) -> Screening:
        """One text of an answer on its way; a value that is no words passes those alone that come `last`."""
        return self.guards.screening(
            prompt,
            shown(prompt),
            question=self._question,
            last=last,
            where=where,
            before=before,
            context=_of(prompt, self._context),
        )


def _said(
    found: Said, texts: Sequence[Screened], values: Sequence[Screened] = (), *, adding: Collection[str] = ()
) -> Said:
    """What came of the texts of an answer. The scores of the checks in `adding` are of all texts so far."""
    return replace(
        found,
        texts=tuple(one.text for one in texts),
        values=tuple(one.text for one in values),
        verdicts=tuple(merged([one.verdicts for one in (*texts, *values)], adding=adding)),
        refrained=any(one.refrained for one in (*texts, *values)),
    )


def _of(prompt: Prompt, context: Context) -> Context:
    """Where a check may ask, which a tool has read for on the way, too."""
    return replace(context, confidential=context.confidential or prompt.confidential)


async def asked_again(
    file: PromptFile, outcome: Outcome, faults: Sequence[str], *, router: Router, runs: Runs, context: Context
) -> tuple[Outcome, bool]:
    """The answer that a model gives when it is told what is wrong; the same one and False, where it cannot be told."""
    again = await asyncio.to_thread(partial(words, file.root, "reflect/again.md", needs=["faults"]))
    calls = LayerCalls(router, runs, layers=file.layers, most=1, context=_of(outcome.prompt, context))
    told = again.say({"faults": tuple(faults)}, trust="tool", tokens=calls.tokens)
    try:
        router.require()
        (answer, *_) = await calls.answer(calls.turn(outcome, told, name="faults"))
    except (ModelError, NotConfigured) as error:
        return outcome.noting(NOT_ASKED.format(error=error)), False
    before, after = outcome.completion, answer.completion
    whole = replace(
        after,
        usage=used([before, after]),
        cost=before.cost + after.cost,
        seconds=before.seconds + after.seconds,
        attempts=(*before.attempts, *calls.attempts),
        calls=before.calls + 1,
        cached=before.cached and after.cached,
    )
    failed = ", ".join(dict.fromkeys(fault.partition(":")[0] for fault in faults))  # what it said is withheld
    return replace(answer, completion=whole).noting(ASKED.format(checks=failed)), True
