"""Answers a question as an earlier one was answered that means the same.

No answer is taken from here: the earlier question is asked again in place of the new one, by this caller and of today's
documents, with models that may only say what they said before. Where anything has changed they have said nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from ragstone.caching.key import documents_of, scope_key
from ragstone.caching.screen import Screen, screened
from ragstone.caching.semantic import quiet
from ragstone.caching.semantic.figures import Figures
from ragstone.caching.semantic.population import Remembered
from ragstone.caching.semantic.questions import Asked
from ragstone.caching.semantic.remembering import RememberedQuestions
from ragstone.caching.semantic.watch import Watch
from ragstone.errors import NotCached, RagstoneError
from ragstone.inference.router import Router
from ragstone.pipelines.index import Index
from ragstone.pipelines.request import NO_MODEL, Answering, Request
from ragstone.pipelines.spec import RetrieveSpec
from ragstone.pipelines.watched import Afresh
from ragstone.trace import Step, Trace
from ragstone.types import Answer, Context, Delta

if TYPE_CHECKING:
    from ragstone.types import Vector

__all__ = ["CachedAnswers", "Judge", "Judged", "LastWord", "Semantic"]

JUDGED = 5  # of the nearest questions; the answer to a sixth would not be another one
LONGEST = 1_000  # characters of a question that is compared: what a longer one differs in is easily missed

Pieces = Sequence[Delta | Answer]


class Judged(Protocol):
    """Whether two questions mean the same, how surely (higher is surer), and which check has refused."""

    @property
    def same(self) -> bool: ...  # noqa: D102
    @property
    def score(self) -> float: ...  # noqa: D102
    @property
    def check(self) -> str: ...  # noqa: D102


class Judge(Protocol):
    """Says whether two questions mean the same. Those are judged whose cosine is `near` or more."""

    @property
    def near(self) -> float: ...  # noqa: D102

    def judge(self, asked: Asked, kept: Asked) -> Judged:
        """What it makes of a question and one that was answered."""
        ...


class LastWord(Protocol):
    """Who is asked at last whether two questions mean the same: a reranker, or a model."""

    name: str

    async def same(self, question: str, earlier: str, others: Sequence[str], *, context: Context) -> bool:
        """`others` are questions that mean something else."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Semantic:
    """What all tenants' pipelines of one name share; each tenant's questions are by themselves all the same."""

    pipeline: str
    questions: RememberedQuestions
    judge: Judge
    watch: Watch
    figures: Figures
    afresh: Afresh
    last: LastWord | None = None
    sampled: bool = False  # whether answers are kept that were drawn by lot
    screen: Screen | None = None  # has the last word on what may be kept

    async def close(self) -> None:
        """Ends what is under way, and hands on the last figures."""
        await self.afresh.close()
        await self.watch.close()
        await self.questions.close()
        await self.figures.close()

    async def keeps(self, answer: Answer) -> bool:
        """Whether what models said on the way to an answer is kept, so that it can be said again."""
        said = answer.completion
        drawn = (answer.prompt.options.temperature or 0) > 0 or said.confidence is not None
        if said.model == NO_MODEL or said.finish_reason != "stop" or (drawn and not self.sampled):
            return False
        return await screened(self.screen, answer.prompt, said) is None

    def count(self, *names: str) -> None:
        """Adds one to figures, for all pipelines and for this one with its calibration."""
        own = f"{self.pipeline}.{self.watch.observed.calibration}"
        self.figures.count({f"semantic.{name}{end}": 1 for name in names for end in ("", f".{own}")})


@dataclass(slots=True, kw_only=True)
class _Found:
    """An earlier question that means the same, and what its answer was."""

    earlier: Remembered
    pieces: list[Delta | Answer]


class CachedAnswers:
    """Stands before a pipeline's way to an answer. Nothing that fails here fails a request."""

    def __init__(self, semantic: Semantic, *, index: Index, router: Router, retrieve: RetrieveSpec) -> None:
        self.semantic, self.index, self.router, self.retrieve = semantic, index, router, retrieve

    async def stream(self, request: Request, answering: Answering) -> AsyncGenerator[Delta | Answer]:
        """What `answering` says of an earlier question that means the same, or else of this one."""
        scope = self._scope(request)
        if scope is None:
            async with aclosing(answering(request)) as pieces:
                async for piece in pieces:
                    yield piece
            return
        vector, found = await self._looked_up(request, scope, answering)
        if found is not None:
            self._watch(request, found, scope, vector, answering)
            for piece in found.pieces:
                yield piece
            return
        async with aclosing(answering(request)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Answer):
                    await self._remember(request, scope, vector, piece)
                yield piece

    # ── Whether ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _scope(self, request: Request) -> bytes | None:
        """Within which questions may stand for each other; None for one that is neither compared nor remembered."""
        file, context = request.file, request.context
        if context.cache not in ("use", "refresh") or len(request.question) > LONGEST or file.lookups:
            return None  # what is looked up is of this moment
        lead = _lead(request)
        route = self.router.route
        facts: dict[str, Any] = {
            "prompt": [file.name, file.version],
            "inputs": {name: value for name, value in request.inputs.items() if name != "question"},
            "lead": lead,
            "k": request.k,
            "filters": request.filters,
            "retrieve": self.retrieve.model_dump(mode="json"),
            "index": [self.index.key, self.index.tenant, self.index.embedder.fingerprint],
            "models": [[name, model.fingerprint] for name, model in self.router.models.items()],
            "strategy": [type(route.strategy).__name__, route.local_only],
        }
        try:
            return scope_key(facts, history=request.history, context=context)
        except (TypeError, ValueError):  # an input that no key can be made of
            return None

    # ── Look up ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _looked_up(
        self, request: Request, scope: bytes, answering: Answering
    ) -> tuple[Vector | None, _Found | None]:
        """The question's vector, and an earlier one that means the same."""
        if request.context.cache != "use":
            return None, None
        vector: Vector | None = None
        try:
            with request.context.trace.step("semantic") as step:
                if not await self.semantic.watch.on():
                    step.facts["outcome"] = "off"
                    return None, None
                vector = await self._vector(request)
                found = await self._found(request, scope, vector, answering, step)
        except Exception as error:  # this question is answered all the same, and then says what is wrong
            quiet.warn("an earlier question could not be looked for", error)
            return vector, None
        self.semantic.count("hit" if found is not None else "miss")
        return vector, found

    async def _found(
        self, request: Request, scope: bytes, vector: Vector, answering: Answering, step: Step
    ) -> _Found | None:
        questions, context = self.semantic.questions, request.context
        near = await questions.near(scope, vector, k=JUDGED, least=self.semantic.judge.near, context=context)
        if questions.knows(scope, request.question):
            step.facts["outcome"] = "asked before in these words"
            return None
        step.facts["outcome"] = "nothing near"
        if not near:
            return None
        chosen = await self._chosen(request, scope, vector, near, step)
        if chosen is None:
            return None
        bypassed = questions.bypassed
        try:
            pieces = await self._replayed(request, chosen, answering)
        except NotCached:
            missed = questions.bypassed == bypassed
            step.facts["outcome"] = "nothing is kept for it" if missed else "the cache could not be asked"
            if missed:
                questions.forget(scope, chosen.key, context=context)
            return None
        step.facts["outcome"] = "hit" if pieces else "it has no answer now"
        return _Found(earlier=chosen, pieces=pieces) if pieces else None

    async def _chosen(
        self, request: Request, scope: bytes, vector: Vector, near: Sequence[tuple[Remembered, float]], step: Step
    ) -> Remembered | None:
        """The one of the nearest questions that most surely means the same."""
        texts = [request.question, *(one.question for one, _ in near)]
        tokens: Sequence[Any] = [None] * len(texts)
        if self.index.embedder.capabilities.token_vectors:
            tokens = await self.index.embedder.embed_tokens(texts, context=request.context)
        asked = Asked(request.question, vector, tokens[0])
        kept = [Asked(one.question, one.vector, own) for (one, _), own in zip(near, tokens[1:], strict=True)]
        judged = await asyncio.to_thread(lambda: [self.semantic.judge.judge(asked, one) for one in kept])
        best = max(range(len(near)), key=lambda at: (judged[at].same, judged[at].score, near[at][1]))
        (one, cosine), verdict = near[best], judged[best]
        step.facts.update(candidate=one.question, cosine=round(cosine, 4), score=round(verdict.score, 4))
        step.facts.update(check=verdict.check, judged=len(near))
        if not verdict.same:
            step.facts["outcome"] = "refused"
            self.semantic.figures.count({f"semantic.refused.{verdict.check}": 1})
            return None
        last = self.semantic.last
        others = self.semantic.questions.unlike(scope, vector)
        if last is not None and not await last.same(request.question, one.question, others, context=request.context):
            step.facts.update(check=last.name, outcome="refused")
            self.semantic.figures.count({f"semantic.refused.{last.name}": 1})
            return None
        return one

    async def _replayed(
        self, request: Request, earlier: Remembered, answering: Answering
    ) -> list[Delta | Answer] | None:
        """What an earlier question is answered today by what models have said already; None if that is no answer.

        The attempt has a trace of its own, which joins the request's if it comes to an answer. Raises NotCached where
        models have not said all that it takes.
        """
        caller = request.context
        context = replace(caller, cache="only", trace=Trace(caller.trace.name, id=caller.trace.id))
        again = replace(request, question=earlier.question, query=_query(request, earlier.question), context=context)
        pieces: list[Delta | Answer] = []
        try:
            async with aclosing(answering(again)) as said:
                pieces += [piece async for piece in said]
        except NotCached:
            raise
        except RagstoneError:  # a document, a prompt or a model that is not what it was
            return None
        answer = pieces.pop() if pieces else None
        if not isinstance(answer, Answer) or not answer.cached or answer.abstained or not answer.completion.calls:
            return None
        caller.trace.join(context.trace)
        notice = f"Answered as an earlier question was: “{earlier.question}”"
        return [*pieces, replace(answer, notices=(notice, *answer.notices))]

    async def _vector(self, request: Request) -> Vector:
        """The question's, and never that of the prompt: two prompts of one file are near each other whatever is asked.

        It is made as a search makes it, so that the embedder's cache has it there.
        """
        await self.index.load_embedder()
        return await self.index.embedder.embed_query(request.question, context=request.context)

    # ── Remember and watch ───────────────────────────────────────────────────────────────────────────────────────────

    async def _remember(self, request: Request, scope: bytes, vector: Vector | None, answer: Answer) -> None:
        """Remembers a question whose answer models have given, and keep."""
        if answer.abstained or not await self.semantic.keeps(answer):
            return
        try:
            if vector is None:
                vector = await self._vector(request)
            tags = (*documents_of(answer.hits), f"prompt:{request.file.name}@{request.file.version.partition('+')[0]}")
            self.semantic.questions.remember(scope, request.question, vector, tags=tags, context=request.context)
        except Exception as error:  # the answer is there, and what fails here is nobody's concern
            quiet.warn("a question cannot be remembered", error)

    def _watch(
        self, request: Request, found: _Found, scope: bytes, vector: Vector | None, answering: Answering
    ) -> None:
        """Has some of the hits answered afresh, and a question that was answered wrongly remembered as its own."""
        served = found.pieces[-1]
        assert isinstance(served, Answer), "an answer comes last"
        if not self.semantic.watch.draws():
            return

        async def seen(afresh: Answer, *, false: bool) -> None:
            self.semantic.count("watched", *(("false",) if false else ()))
            await self.semantic.watch.saw(false=false)
            if false:
                await self._remember(request, scope, vector, afresh)

        self.semantic.afresh.begin(request, served, answering, seen)


def _lead(request: Request) -> Any:
    """What is searched for beside the question itself; a query that does not end with it is one of its own."""
    query, question = request.query, request.question
    if query is None or query.endswith(question):
        return "" if query is None else query.removesuffix(question)
    return [query]


def _query(request: Request, earlier: str) -> str | None:
    """What is searched for in place of the request's query."""
    lead = _lead(request)
    if request.query is None or not isinstance(lead, str):
        return request.query
    return f"{lead}{earlier}"
