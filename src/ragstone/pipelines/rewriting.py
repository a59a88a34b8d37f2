"""Asks a model for other words to search with, before the search, as the prompt file of the answer wants it.

Whatever goes wrong here costs a notice and never the answer: the question is always searched for in its own words too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from ragstone.errors import ModelTimeout, PromptError, RagstoneError
from ragstone.inference.router import Router
from ragstone.pipelines.limits import LIMITS, Limits
from ragstone.pipelines.lookups import NO_LOOKUPS, Lookups
from ragstone.pipelines.runner import PromptRunner
from ragstone.prompts.asking import LONGEST_QUESTION
from ragstone.prompts.estimate import estimated
from ragstone.prompts.file import PromptFile
from ragstone.prompts.retrieving import WAYS, Way
from ragstone.retrieval.follow_up import points_back
from ragstone.retrieval.rewrite import Query, one_query, passage, plain, queries
from ragstone.samples import used
from ragstone.together import together
from ragstone.types import Completion, Context, Message
from ragstone.usage import Taken

__all__ = ["Rewriter", "Rewritten", "project_faults", "with_calls"]

PATIENCE = 20.0  # seconds for all of it: a person waits, and the search has not begun
COUNT, MOST = 4, 8  # queries of one way: where its prompt file names no `count`, and at most
TURNS, LONGEST_TURN = 6, 400  # of a conversation, in messages and in characters of each

QUESTION, TURNS_INPUT, COUNT_INPUT = "question", "turns", "count"


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What is searched for: `lead` is what hits are judged by, `others` are searched for beside it."""

    lead: str
    others: tuple[Query, ...] = ()
    notices: tuple[str, ...] = ()
    completions: tuple[Completion, ...] = ()


@dataclass(slots=True)
class _Said:
    """What the ways have given so far."""

    completions: list[Completion] = field(default_factory=list[Completion])
    faults: dict[str, list[str]] = field(default_factory=dict[str, list[str]])  # ways by what was wrong

    def left_out(self, way: str, reason: str) -> None:
        self.faults.setdefault(reason, []).append(way)

    def notices(self) -> Iterator[str]:
        for reason, ways in self.faults.items():
            end = "" if reason.endswith((".", "?", "!")) else "."
            yield f"Not searched for in other words ({', '.join(sorted(ways, key=WAYS.index))}): {reason}{end}"


class Rewriter:
    """Rewrites questions with the models of a route that write words of their own, in at most `timeout` seconds."""

    def __init__(
        self,
        router: Router,
        prompt_file: Callable[[str], PromptFile],
        *,
        lookups: Lookups = NO_LOOKUPS,
        timeout: float = PATIENCE,
        limits: Limits = LIMITS,
    ) -> None:
        runner = PromptRunner(router.writing, prompt_file, models=(), lookups=lookups, limits=limits)
        self._runner = runner if router.writes else None
        self._prompt_file, self.timeout = prompt_file, min(timeout, PATIENCE)

    async def rewrite(
        self,
        ways: Sequence[Way],
        question: str,
        *,
        query: str | None = None,
        history: Sequence[Message] = (),
        dense: bool = True,
        context: Context,
    ) -> Rewritten:
        """What to search for in place of a question, and beside it.

        `query` are the words that are searched for where no model condenses the question. With `dense` off a made-up
        passage would find nothing, so none is asked for.
        """
        own, said = query or question, _Said()
        if not (history and points_back(question)):
            ways = [way for way in ways if way != "condense"]
        if ways and estimated(question) > LONGEST_QUESTION:
            for way in ways:
                said.left_out(way, "the question is long enough to be searched for as it is")
            ways = []
        if not dense and "hyde" in ways:
            said.left_out("hyde", "only words are searched for here, and those of a made-up passage are made up")
            ways = [way for way in ways if way != "hyde"]
        if not ways or self._runner is None:
            for way in ways:
                said.left_out(way, "no model is set that writes words of its own")
            return Rewritten(own, notices=tuple(said.notices()))
        context = context.within(self.timeout)
        lead, others = own, list[Query]()
        if "condense" in ways:
            condensed = await self._condensed(question, history, said, context)
            if condensed is not None and plain(condensed) != plain(own):
                lead = condensed
                others = [Query(own)] if plain(condensed) != plain(question) else []
        rest: list[Way] = [way for way in ways if way != "condense"]
        others += await self._beside(rest, lead, [one.text for one in others], said, context)
        return Rewritten(lead, tuple(others), tuple(said.notices()), tuple(said.completions))

    async def _condensed(self, question: str, history: Sequence[Message], said: _Said, context: Context) -> str | None:
        turns = "\n".join(f"{one.role}: {' '.join(one.content.split())[:LONGEST_TURN]}" for one in history[-TURNS:])
        given = await self._given("condense", {QUESTION: question, TURNS_INPUT: turns}, said, context)
        return given[0].text if given else None

    async def _beside(
        self, ways: Sequence[Way], question: str, known: Sequence[str], said: _Said, context: Context
    ) -> list[Query]:
        """What several ways give, asked side by side, each query once."""
        given = await together(self._given(way, {QUESTION: question}, said, context) for way in ways)
        found: dict[str, Query] = {}
        for query in chain.from_iterable(given):
            found.setdefault(plain(query.text), query)
        return [query for key, query in found.items() if key not in {plain(question), *map(plain, known)}]

    async def _given(self, way: Way, inputs: Mapping[str, str], said: _Said, context: Context) -> list[Query]:
        """The queries of one way; nothing where it gives none, and then it is said why."""
        assert self._runner is not None
        try:
            with context.trace.step(f"rewrite.{way}") as step:
                async with asyncio.timeout(context.remaining()):
                    file = await asyncio.to_thread(self._prompt_file, way)
                    completion = await self._runner.run(way, inputs, context=context)
                said.completions.append(completion)
                found = _read(way, completion, most=_count(file))
                step.facts["gave"] = [query.text for query in found]
        except TimeoutError:
            said.left_out(way, f"no answer within {self.timeout:g} s")
        except ModelTimeout:
            said.left_out(way, f"no answer within {self.timeout:g} s")
        except RagstoneError as error:
            said.left_out(way, str(error))
        else:
            if not found:
                said.left_out(way, "what the model said is nothing to search for")
            return found
        return []


def _read(way: Way, completion: Completion, *, most: int) -> list[Query]:
    """The queries in what a model said."""
    text, cut = completion.text, completion.finish_reason == "length"
    if way == "hyde":
        made = passage(text)
        return [Query(made, way, passage=True)] if made else []
    if way in ("condense", "step_back"):
        one = one_query(text, cut=cut)
        return [Query(one, way)] if one else []
    return [Query(each, way) for each in queries(text, most=most, cut=cut)]


def _count(file: PromptFile) -> int:
    """How many queries a prompt file asks for, by itself."""
    given = next((one.default for one in file.inputs if one.name == COUNT_INPUT), None)
    return max(1, min(given, MOST)) if isinstance(given, int) else COUNT


def with_calls(completion: Completion, others: Sequence[Taken]) -> Completion:
    """A completion with the usage, the cost and the number of other calls that its answer took."""
    every = (completion, *others)
    return replace(
        completion,
        usage=used(every),
        cost=sum(one.cost for one in every),
        calls=sum(one.calls for one in every),
        cached=all(one.cached for one in every),
    )


def project_faults(file: PromptFile, prompt: Callable[[str], PromptFile]) -> Iterator[PromptError]:
    """What keeps the prompt files that rewrite a question from being asked, with the place in the file that wants it.

    `prompt` gives a prompt file of the project by its name, and raises PromptError.
    """
    for way in file.retrieve.ways if file.retrieve is not None else ():
        try:
            asked = prompt(way)
        except PromptError as error:
            yield PromptError(
                f"the prompt {way!r} cannot be asked: {error}", where=file.rewrite_at, hint=f"Correct {way}.prompty."
            )
            continue
        given = {one.name: one for one in asked.given}
        takes = (QUESTION, TURNS_INPUT) if way == "condense" else (QUESTION,)
        for name in takes:
            if name not in given or given[name].kind != "string":
                message = f"the prompt {way!r} takes no text {name!r}"
                yield PromptError(message, where=file.rewrite_at, hint=f"Declare it under inputs in {way}.prompty.")
        for one in given.values():
            if one.required and one.default is None and one.name not in takes:
                message = f"the prompt {way!r} needs the input {one.name!r}, which nobody gives here"
                yield PromptError(message, where=file.rewrite_at, hint=f"Give it a default in {way}.prompty.")
