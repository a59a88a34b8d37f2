"""Whom a request is counted for, and how much it may cost."""

from __future__ import annotations

import math

import pytest

import ragstone
from ragstone.errors import OverBudget, UsageError
from ragstone.protocols import Capabilities
from ragstone.testing import HashingEmbedder, MemoryLexicalIndex, MemorySource, MemoryStore, ScriptedModel
from ragstone.types import Message
from ragstone.usage import Price

PRICED = Capabilities(local=True, price=Price(input=1, output=1), output_limit=100)
ASKED = "When does it ship?"
HELLO = [Message("user", "Hello")]


def rag_of(model: ScriptedModel) -> ragstone.AsyncRag:
    return ragstone.AsyncRag(
        embedder=HashingEmbedder(),
        store=MemoryStore(),
        lexical=MemoryLexicalIndex(),
        model=model,
        sources=[MemorySource({"halibut.md": "The halibut project ships on 3 May 2031."})],
    )


async def test_each_way_to_ask_is_counted_for_its_key() -> None:
    async with rag_of(ScriptedModel(lambda _: "On 3 May 2031 [1].", capabilities=PRICED)) as rag:
        await rag.ingest()
        await rag.ask(ASKED, payer=ragstone.Payer(key="ask"))
        stream = rag.stream(ASKED, payer=ragstone.Payer(key="stream"))
        async for _ in stream:
            pass
        await rag.chat(payer=ragstone.Payer(key="chat")).ask(ASKED)
        await rag.route(payer=ragstone.Payer(key="route")).complete(HELLO)
        async for one in rag.batch([ASKED], payer=ragstone.Payer(key="batch")):
            assert one.answer is not None
        await rag.ask(ASKED)
        spent = (await rag.costs()).spent
    assert {one.account.key: one.requests for one in spent} == dict.fromkeys(
        ["", "ask", "stream", "chat", "route", "batch"], 1
    )
    assert all(one.usage.output_tokens > 0 for one in spent)


async def test_a_request_costs_no_more_than_its_payer_allows() -> None:
    model = ScriptedModel(lambda _: "On 3 May 2031 [1].", capabilities=PRICED)
    async with rag_of(model) as rag:
        await rag.ingest()
        with pytest.raises(OverBudget, match="for this request"):
            await rag.ask(ASKED, payer=ragstone.Payer(budget=0.000_001))
        assert model.prompts == []
        assert (await rag.ask(ASKED, payer=ragstone.Payer(budget=0.1))).completion.cost <= 0.1


@pytest.mark.parametrize("budget", [-1, math.nan, math.inf])
def test_a_budget_that_is_no_amount_is_refused(budget: float) -> None:
    with pytest.raises(UsageError, match="the budget is no amount"):
        ragstone.Payer(budget=budget)
