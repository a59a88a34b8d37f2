"""Which model of a route would answer: `rag.models()`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from ragstone.assembly import Assembly
from ragstone.reports import ExplainedRoute, RoutedModel
from ragstone.together import together
from ragstone.trace import Trace
from ragstone.types import Context

__all__ = ["AsyncModels"]

PATIENCE = 30.0  # seconds for all that the servers are asked


class AsyncModels:
    """The models of one answer pipeline's route.

    async with ragstone.aopen("mydocs") as rag:
        print((await rag.models().explain("When does it ship?")).asked[0].why)
    """

    def __init__(self, parts: Assembly, *, tenant: str, pipeline: str) -> None:
        self._parts, self._tenant, self._pipeline = parts, tenant, pipeline

    async def explain(
        self,
        question: str | None = None,
        /,
        *,
        prompt: str | None = None,
        k: int | None = None,
        where: Mapping[str, Any] | None = None,
        principals: Iterable[str] = (),
        **inputs: Any,
    ) -> ExplainedRoute:
        """Which models a question would go to, in order, and why; nothing is sent but questions of a server's load.

        Without a question the prompt file's own example of one is used. What only a call can tell, such as a budget
        that is spent, is not known here.
        """
        one = (principals,) if isinstance(principals, str) else principals
        context = Context(tenant=self._tenant, principals=frozenset(one), trace=Trace("explain"))
        found = await asyncio.to_thread(self._parts.answer, tenant=self._tenant, pipeline=self._pipeline)
        built = await found.explain(question, prompt=prompt, inputs=inputs, k=k, filters=where, context=context)
        choices = await found.choices(built, await found.file(prompt), context=context)
        return ExplainedRoute(
            strategy=found.router.route.strategy.name,
            asked=tuple(RoutedModel(one.name, one.why, one.figures) for one in choices.asked),
            passed=tuple(RoutedModel(one.name, one.why) for one in choices.passed),
            failure=str(choices.failure) if choices.failure and not choices.asked else None,
            prompt=built.name,
            tokens=built.tokens,
            confidential=built.confidential,
        )

    async def probe(self) -> None:
        """Has each model find out what its server can do, side by side, unless it is known of the last day.

        Without it, that is found out with the first question that needs it. The index is not opened.
        """
        routed = await asyncio.to_thread(self._parts.route, pipeline=self._pipeline)
        context = Context(tenant=self._tenant, trace=Trace("probe")).within(PATIENCE)
        await together(model.probe(context=context) for model in routed.router.models.values())
