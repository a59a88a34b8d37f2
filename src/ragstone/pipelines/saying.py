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
from ragstone.types import Context, Prompt
from ragstone.validation.outputs import Opened
from ragstone.validation.screening import Screened, Screening
from ragstone.verdicts import Verdict

__all__ = ["Saying", "asked_again"]

NOT_ASKED = "The answer failed its check, and could not be asked for again: {error}"
ASKED = "The answer was asked for again, since it failed its check: {faults}"


class Saying:
    """Takes an answer piece by piece, and gives what may be said of it.

    `last`: it is not asked for again, so what a guard says otherwise counts. Nothing is given of what has a form: it is
    read when it is whole.
    """

    def __init__(self, guards: Guards, prompt: Prompt, *, question: str, last: bool, context: Context) -> None:
        self.guards = guards.at_last() if last else guards
        self._question, self._context = question, context
        self._prompt = prompt
        self.restart()

    def restart(self) -> None:
        """What came before is void."""
        self._heard = list[str]()
        self._now = self._screening(self._prompt)

    async def feed(self, text: str) -> str:
        """What may be said now. Raises CheckFailed."""
        if self._prompt.output is not None:
            return ""
        self._heard.append(text)
        return await self._now.feed(text)

    async def finish(self, outcome: Outcome) -> tuple[Said, str, tuple[str, ...]]:
        """What may be said in all, what of it was not yet, and what is wrong with it. Raises CheckFailed."""
        found = await asyncio.to_thread(said, outcome.prompt, outcome.completion)
        if found.form is not None:
            return await self._formed(outcome, found, found.form)
        if "".join(self._heard) == outcome.completion.text:
            screened = await self._now.finish()
        else:  # a layer has made the answer, or has read it out of what was said
            screened = await self._screened(outcome.completion.text, outcome.prompt)
            screened = replace(screened, rest="" if self._heard else screened.text)
        return _said(found, [screened]), screened.rest, screened.faults

    async def _formed(self, outcome: Outcome, found: Said, form: Opened) -> tuple[Said, str, tuple[str, ...]]:
        prompt, verdicts, faults = outcome.prompt, list[Verdict](), list[str]()
        if self.guards.form and not any(prompt.abstains(text) for text in found.texts):
            text = mend(outcome.completion.text, prompt.slots)
            judged = await self.guards.formed(
                text, prompt, shown(prompt), question=self._question, context=self._context
            )
            verdicts, faults = list(judged.verdicts), judged.faults
            if judged.refrains:
                return replace(found, verdicts=tuple(verdicts), refrained=True), "", ()
        texts: list[Screened] = []
        before: Screening | None = None
        for path, text in zip(form.paths, found.texts, strict=True):
            before = self._screening(prompt, where=path, before=before)
            await before.feed(text)
            texts.append(await before.finish())
        named = zip(form.value_paths, form.values, strict=True)
        values = [await self._screened(value, prompt, last=True, where=path) for path, value in named]
        faults += [fault for one in (*texts, *values) for fault in one.faults]
        whole = _said(found, texts, values, adding=self.guards.adding)
        if any(map(str.strip, found.texts)) and not any(map(str.strip, whole.texts)):
            whole = replace(whole, refrained=True)  # of its words nothing is left
        return replace(whole, verdicts=(*verdicts, *whole.verdicts)), "", tuple(dict.fromkeys(faults))

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
            context=self._context,
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


async def asked_again(
    file: PromptFile, outcome: Outcome, faults: Sequence[str], *, router: Router, runs: Runs, context: Context
) -> Outcome:
    """The answer that a model gives when it is told what is wrong; the same one, where it cannot be told."""
    again = await asyncio.to_thread(partial(words, file.root, "reflect/again.md", needs=["faults"]))
    calls = LayerCalls(router, runs, layers=file.layers, most=1, context=context)
    told = again.say({"faults": tuple(faults)}, trust="tool", tokens=calls.tokens)
    try:
        router.require()
        (answer, *_) = await calls.answer(calls.turn(outcome, told, name="faults"))
    except (ModelError, NotConfigured) as error:
        return outcome.noting(NOT_ASKED.format(error=error))
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
    return replace(answer, completion=whole).noting(ASKED.format(faults="; ".join(faults)))
