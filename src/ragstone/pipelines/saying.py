"""One answer on its way from a model to its reader: what it says is checked while it is said, and asked for again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from ragstone.errors import ModelError, NotConfigured
from ragstone.inference.router import Router
from ragstone.pipelines.finishing import Said, said
from ragstone.pipelines.guards import Guards
from ragstone.pipelines.layered import LayerCalls, Runs
from ragstone.prompts.file import PromptFile
from ragstone.prompts.layers.solving import Outcome
from ragstone.prompts.layers.words import words
from ragstone.prompts.wire import mend
from ragstone.samples import used
from ragstone.types import Context, Hit, Prompt
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

    def __init__(
        self, guards: Guards, prompt: Prompt, hits: Sequence[Hit], *, question: str, last: bool, context: Context
    ) -> None:
        self.guards = guards.at_last() if last else guards
        self._screening: Callable[[], Screening] = partial(
            self.guards.screening, prompt, hits, question=question, context=context
        )
        self._forms = partial(self.guards.formed, hits=hits, question=question, context=context)
        self._prompt = prompt
        self._heard = list[str]()
        self._now = self._screening()

    def restart(self) -> None:
        """What came before is void."""
        self._heard, self._now = [], self._screening()

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
            return await self._formed(outcome, found)
        if "".join(self._heard) != outcome.completion.text:  # a layer has read the answer out of what was said
            self.restart()
            rest = await self._now.feed(outcome.completion.text)
            screened = await self._now.finish()
            screened = replace(screened, rest="" if self._heard else rest + screened.rest)
        else:
            screened = await self._now.finish()
        return _said(found, [screened]), screened.rest, screened.faults

    async def _formed(self, outcome: Outcome, found: Said) -> tuple[Said, str, tuple[str, ...]]:
        prompt, verdicts, faults = outcome.prompt, list[Verdict](), list[str]()
        if self.guards.form and not any(prompt.abstains(text) for text in found.texts):
            judged = await self._forms(mend(outcome.completion.text, prompt.slots), prompt)
            verdicts, faults = list(judged.verdicts), judged.faults
            if judged.refrains:
                return replace(found, verdicts=tuple(verdicts), refrained=True), "", ()
        screened: list[Screened] = []
        for text in found.texts:
            self.restart()
            await self._now.feed(text)
            screened.append(await self._now.finish())
        faults += [fault for one in screened for fault in one.faults]
        whole = _said(found, screened)
        return replace(whole, verdicts=(*verdicts, *whole.verdicts)), "", tuple(dict.fromkeys(faults))


def _said(found: Said, screened: Sequence[Screened]) -> Said:
    verdicts = [verdict for one in screened for verdict in one.verdicts]
    merged = {one.check: one for one in verdicts} | {one.check: one for one in verdicts if not one.passed}
    return replace(
        found,
        texts=tuple(one.text for one in screened),
        verdicts=tuple(merged.values()),
        refrained=any(one.refrained for one in screened),
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
