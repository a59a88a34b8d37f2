"""From a question to passages: search, fuse, rerank, shape."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ragstone.pipelines.index import Index
from ragstone.pipelines.limits import LIMITS, Limits
from ragstone.pipelines.retrieve import Asked, Candidate, Ranking, as_hits, check, check_k, own
from ragstone.pipelines.shape import Shaping
from ragstone.pipelines.spec import RetrieveSpec
from ragstone.protocols import Reranker
from ragstone.reports import Explained, Stage
from ragstone.retrieval import where
from ragstone.retrieval.rewrite import Query
from ragstone.trace import Step
from ragstone.types import Context, Hit

__all__ = ["Searching", "check_search"]


class Searching:
    """Searches one index as a pipeline says."""

    def __init__(
        self, index: Index, retrieve: RetrieveSpec, *, reranker: Reranker | None = None, limits: Limits = LIMITS
    ) -> None:
        self.index, self.retrieve, self.limits = index, retrieve, limits
        self.ranking = Ranking(index, retrieve, reranker=reranker)
        self.shaping = Shaping(self.ranking)

    async def search(
        self,
        question: str,
        *,
        k: int | None = None,
        filters: Mapping[str, Any] | None = None,
        others: Sequence[Query] = (),
        context: Context,
    ) -> list[Hit]:
        """The best k chunks that the caller may see. Raises UsageError for a blank question or a k out of range.

        `others` are searched for beside the question; all is judged by the question itself.
        """
        with self._retrieving(question, k, filters, context) as step:
            asked, found = await self._found(question, step, filters, context, others)
            hits = await self.shaping.shape(asked, found, k=step.facts["k"], context=context) if asked else []
            step.facts["found"] = len(hits)
        return hits

    async def explain_search(
        self, question: str, *, k: int | None = None, filters: Mapping[str, Any] | None = None, context: Context
    ) -> Explained:
        """What `search` finds, and what each stage made of the candidates."""
        hits = await self.search(question, k=k, filters=filters, context=context)
        steps = [step for step in context.trace.steps if step.name.startswith("retrieve")]
        named = {id_ for step in steps for id_, _ in step.facts.get("best", ())}
        seen = {"public", *context.principals}
        chunks = {id_: own(c) for id_, c in (await self.index.chunks(sorted(named))).items() if seen & set(c.acl)}
        stages = (
            Stage(
                name=step.name,
                milliseconds=1000 * step.seconds,
                facts={key: value for key, value in step.facts.items() if key not in ("best", "rerank")},
                best=tuple((chunks[id_], score) for id_, score in step.facts.get("best", ()) if id_ in chunks),
            )
            for step in steps
        )
        return Explained(hits=tuple(hits), stages=tuple(stages))

    async def rank(
        self, question: str, *, k: int | None = None, filters: Mapping[str, Any] | None = None, context: Context
    ) -> list[Hit]:
        """The best k chunks as they are stored: nothing is widened, trimmed or packed."""
        with self._retrieving(question, k, filters, context) as step:
            _, found = await self._found(question, step, filters, context)
            hits = as_hits(found[: step.facts["k"]])
            step.facts["found"] = len(hits)
        return hits

    @contextmanager
    def _retrieving(
        self, question: str, k: int | None, filters: Mapping[str, Any] | None, context: Context
    ) -> Generator[Step]:
        """The step that all others of a search lie inside; what is asked is checked before."""
        k = self.retrieve.k if k is None else k
        check(question)
        self.limits.admit(question)
        check_search(k, filters)
        with context.trace.step("retrieve", mode=self.retrieve.mode, k=k) as step:
            yield step

    async def _found(
        self,
        question: str,
        step: Step,
        filters: Mapping[str, Any] | None,
        context: Context,
        others: Sequence[Query] = (),
    ) -> tuple[Asked | None, list[Candidate]]:
        facts = await self.index.facts()
        if facts.empty:
            step.facts["note"] = "the index is empty"
            return None, []
        asked = await self.ranking.ask(question, facts, context, others=others)
        return asked, await self.ranking.rank(asked, k=step.facts["k"], filters=filters, context=context)


def check_search(k: int, filters: Mapping[str, Any] | None) -> None:
    """Raises UsageError for a wrong k, and for a wrong filter also where there is nothing to be filtered."""
    check_k(k)
    where.parse({} if filters is None else filters)
