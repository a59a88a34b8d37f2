"""Runs the tests of a prompt file: builds each prompt, asks a model anew for each repeat, and checks what it said.

A prompt that reads passages goes the way of an answer, with its citations checked; any other goes the way of a stage.
One model is asked and no other, so that it is known which one was tested. No cache stands between.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

from ragstone.errors import EmbedderError, ModelDenied, ModelError, NotConfigured, PromptError, UsageError
from ragstone.inference.choosing import Route
from ragstone.inference.router import Router
from ragstone.pipelines.finishing import answered, said
from ragstone.pipelines.prompted import prompted
from ragstone.pipelines.runner import PromptRunner
from ragstone.pipelines.tools import MOST_FOUND, SearchTool, built_in
from ragstone.prompts.file import PromptFile
from ragstone.prompts.testing.cases import MOST_REPEATS, Case
from ragstone.prompts.testing.checks import EXPECT, SENT, Miss, Reply
from ragstone.prompts.testing.report import CaseReport, PromptReport, Trial
from ragstone.prompts.wire import mend
from ragstone.protocols import Embedder, Model, Tool
from ragstone.text.grades import JUDGE, grade_in
from ragstone.together import together
from ragstone.types import Completion, Context, Hit, Prompt

__all__ = ["AT_ONCE", "CaseRun", "PromptTests"]

T = TypeVar("T")

AT_ONCE = 4  # requests that a model gets side by side
TIMEOUT = 120.0  # seconds that a model has for one of them

NO_WRITER = "needs a model that writes"
NO_EMBEDDER = "needs an embedder"


class PromptTests:
    """Tests prompt files with the first model of a route that writes, else with one that quotes.

    Where the `route` keeps to models of your own, it is the first of those, and no other model is ever asked.

    >>> report = await tests.run("answer", repeats=5)
    >>> report.count("failed")
    0
    """

    def __init__(
        self,
        models: Mapping[str, Model | NotConfigured],
        *,
        embedder: Embedder | None,
        prompt_file: Callable[[str], PromptFile],
        tool: Callable[[str], Tool | None] = built_in,
        route: Route | None = None,
    ) -> None:
        able = {name: model for name, model in models.items() if isinstance(model, Model)}
        if route is not None and route.local_only:
            able = {name: model for name, model in able.items() if model.capabilities.local} or able
        chosen = next((name for name, model in able.items() if model.capabilities.generative), next(iter(able), ""))
        self.model = chosen
        self.writes = bool(chosen) and able[chosen].capabilities.generative
        self._router = Router({chosen: able[chosen]} if chosen else {}, route=route)
        self.embedder, self.prompt_file = embedder, prompt_file
        self.runner = PromptRunner(self._router, prompt_file, models=(chosen,), tool=tool)

    async def run(self, prompt: str, *, repeats: int | None = None) -> PromptReport:
        """The report on one prompt file. `repeats` counts before what each case says.

        Raises PromptError for a file that does not load, UsageError for one without tests, and ModelDenied.
        """
        if repeats is not None and not 1 <= repeats <= MOST_REPEATS:
            expected = f"1 to {MOST_REPEATS}"
            raise UsageError("the number of repeats is out of range", expected=expected, found=str(repeats))
        file = await asyncio.to_thread(self.prompt_file, prompt)
        cases = await asyncio.to_thread(file.cases)
        if not cases:
            hint = f"Write tests/{file.path.stem}.yaml in prompts/, and name it under metadata.ragstone."
            raise UsageError("the prompt has no tests", where=f"prompt {prompt!r}", hint=hint)
        run = CaseRun(self, file)
        reports = await together(run.case(case, repeats or case.repeats) for case in cases)
        return PromptReport(
            prompt=prompt,
            version=file.version,
            model=self.model,
            cases=tuple(reports),
            calls=run.calls,
            cost=run.cost,
        )

    async def built(self, file: PromptFile, case: Case) -> Prompt:
        """What is sent for a case."""
        return await prompted(
            file,
            case.inputs,
            router=self._router,
            hits=case.passages,
            history=case.history,
            embedder=self.embedder,
            context=Context(),
        )

    def unable(self, file: PromptFile, case: Case) -> str:
        """Why a case cannot be asked here, "" where it can."""
        quotable = "passages" in file.body.uses and file.output is None and not case.needs_writing
        judged = any(EXPECT[check.name].writes for check in case.expect)
        if not self.writes and (not self.model or not quotable or judged):
            return NO_WRITER
        if self.embedder is None and any(check.name == "similarity" for check in case.expect):
            return NO_EMBEDDER
        return ""


class CaseRun:
    """One run over a file's cases: what it asks, and what that costs."""

    def __init__(self, tests: PromptTests, file: PromptFile) -> None:
        self.tests, self.file = tests, file
        self.calls, self.cost = 0, 0.0
        self._room = asyncio.Semaphore(AT_ONCE)

    async def case(self, case: Case, repeats: int) -> CaseReport:
        """The report on one case."""
        blank = CaseReport(case=case.name, where=case.where, passed=0, runs=0, at_least=case.at_least)
        try:
            prompt = await self.tests.built(self.file, case)
        except (PromptError, UsageError) as error:  # a value that the template cannot take, or nothing to send
            return replace(blank, runs=1, check="build", expected="messages that can be sent", found=error.message)
        for check in case.sent:
            if miss := SENT[check.name].miss(check.value, prompt):
                return replace(blank, runs=1, check=f"sent {check.name}", expected=miss.expected, found=miss.found)
        sent = replace(blank, passed=1, runs=1) if case.sent else blank
        if not case.expect:
            return sent
        if reason := self.tests.unable(self.file, case):
            return replace(sent, not_run=reason)
        misses = await together(self._repeat(case, _seeded(prompt, place)) for place in range(repeats))
        first = next((miss for miss in misses if miss is not None), None)
        done = replace(blank, passed=misses.count(None), runs=repeats, asked=True)
        if first is None:
            return done
        name, miss = first
        return replace(done, check=name, expected=miss.expected, found=miss.found)

    async def _repeat(self, case: Case, prompt: Prompt) -> tuple[str, Miss] | None:
        """One question to the model: the first check that is not met, with its name."""
        async with self._room:
            try:
                return await self._first_miss(case, await self._reply(case, prompt))
            except ModelDenied:
                raise  # a key that is refused is refused each time
            except (ModelError, EmbedderError) as error:
                return "reply", Miss("a reply", str(error))

    async def trial(self, case: Case, prompt: Prompt, place: int) -> Trial:
        """One repeat of a case, right where every check holds, and what the answer took; a judge's words do not count.

        Raises ModelDenied: a key that is refused is refused each time.
        """
        began = time.perf_counter()
        try:
            reply = await self._reply(case, _seeded(prompt, place))
            seconds = time.perf_counter() - began
            right = await self._first_miss(case, reply) is None
        except ModelDenied:
            raise
        except (ModelError, EmbedderError) as error:
            return Trial(right=False, failure=str(error))
        made = reply.completion
        if made is None:
            return Trial(right=right, seconds=seconds)
        tokens = made.usage.input_tokens + made.usage.output_tokens
        return Trial(right=right, tokens=tokens, calls=made.calls, cost=made.cost, seconds=seconds)

    async def _first_miss(self, case: Case, reply: Reply) -> tuple[str, Miss] | None:
        for check in case.expect:
            found = EXPECT[check.name].miss(check.value, reply)
            miss = await found if inspect.isawaitable(found) else found
            if miss is not None:
                return check.name, miss
        return None

    async def _reply(self, case: Case, prompt: Prompt) -> Reply:
        context = Context(cache="off").within(TIMEOUT)
        question = _question(case)
        slot = prompt.slot("retrieved")
        if slot is not None and not case.passages and "passages" in self.file.body.uses and prompt.abstain is not None:
            # As with a real question, for which nothing was found: no model is asked.
            return Reply(text=prompt.abstain, question=question, tools=self, abstained=True)
        search = SearchTool(partial(_among, case.passages))
        outcome = await self.tests.runner.complete(self.file, prompt, search=search, context=context)
        completion = self._counted(outcome.completion)
        if "passages" not in self.file.body.uses and prompt.output is None:
            text = mend(completion.text, outcome.prompt.slots).strip()
            return Reply(text=text, question=question, tools=self, completion=completion)
        return await asyncio.to_thread(self._checked, case, outcome.prompt, completion, context)

    def _checked(self, case: Case, prompt: Prompt, completion: Completion, context: Context) -> Reply:
        found = said(prompt, completion)
        answer = answered(prompt, case.passages, completion, found, cites=True, context=context)
        places = {hit.chunk.id: hit.rank for hit in case.passages}
        formed = next((verdict for verdict in answer.verdicts if verdict.check == "output"), None)
        return Reply(
            text=answer.text.strip(),
            question=_question(case),
            tools=self,
            cited=tuple(sorted({places[citation.chunk_id] for citation in answer.citations})),
            abstained=answer.abstained,
            misfit=None if formed is None else "" if formed.passed else formed.reason,
            fields=answer.parsed,
            completion=completion,
        )

    def _counted(self, completion: Completion) -> Completion:
        self.calls += completion.calls
        self.cost += completion.cost
        return completion

    # ── What checks ask for ──────────────────────────────────────────────────────────────────────────────────────────

    async def similarity(self, first: str, second: str) -> float:
        """The cosine of two texts' vectors, from -1 to 1. A text without words is like no other."""
        embedder = self.tests.embedder
        assert embedder is not None, "such a case is not run without one"
        if not first.strip() or not second.strip():
            return 0.0
        vectors = await embedder.embed([first, second], context=Context())
        return float(vectors[0] @ vectors[1])

    async def grade(self, reply: Reply, rubric: str, reference: str) -> tuple[int | None, str]:
        """The grade from 1 to 5 that ends what the prompt file `judge` makes the model say, and all that it said."""
        inputs = {"question": reply.question, "answer": reply.text, "rubric": rubric, "reference": reference}
        context = Context(cache="off").within(TIMEOUT)
        completion = self._counted(await self.tests.runner.run(JUDGE, inputs, context=context))
        return grade_in(completion.text), completion.text


def _question(case: Case) -> str:
    """What was asked, in words for a judge: the question, or every input by its name."""
    asked = case.inputs.get("question")
    return asked if isinstance(asked, str) else "\n".join(f"{name}: {value}" for name, value in case.inputs.items())


def _seeded(prompt: Prompt, place: int) -> Prompt:
    """The prompt of one repeat. A seed of the file's own would give each the same words, where words are drawn.

    Layers draw with the seeds that follow, one for each of their calls.
    """
    options = prompt.options
    if options.seed is None or not options.temperature:
        return prompt
    return replace(prompt, options=replace(options, seed=options.seed + place * prompt.worst_case_calls))


async def _among(passages: Sequence[Hit], given: str, context: Context) -> Sequence[Hit]:
    """What a search of a test finds: it opens no index, so the passages of its case are all that there is."""
    return passages[:MOST_FOUND]
