"""What is confidential reaches no model that is not of your own: over layers, tools, rewriting and follow-ups.

A passage holds a word that stands nowhere else, and both models repeat it wherever they are told it. Whatever is asked,
the model of strangers, which is always asked first where it may be, is never told.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from filled import filled
from layer_files import layered_file
from layer_pairs import EXAMPLES, OUTPUTS, file_with
from ragstone.assembly import LooseParts
from ragstone.errors import ModelError, NotAllowed
from ragstone.inference.choosing import Route
from ragstone.inference.router import Router
from ragstone.inference.strategies import Cheapest, Fastest, LeastBusy, Ordered, Strategy
from ragstone.pipelines.answer import AnswerPipeline
from ragstone.pipelines.routes import confidential
from ragstone.pipelines.spec import RouteSpec
from ragstone.protocols import Capabilities
from ragstone.rag import AsyncRag
from ragstone.testing import HashingEmbedder, MemoryLexicalIndex, MemorySource, MemoryStore, ScriptedModel
from ragstone.types import Prompt

CANARY = "zanderfisch7q"
FILES = {
    "salaries.md": f"# Salaries\n\nThe salary of the apparatus lead is {CANARY} a month.",
    "boats.md": "# Boats\n\nThe halibut project owns 1,250 boats, and they are red.",
}
SALARY, BOATS = "What is the salary of the apparatus lead?", "How many boats does the halibut project own?"
POLICIES: dict[str, Any] = {"public": "public", "filter": {"local_only": {"uri": "salaries.md"}}, "all": "local_only"}
BODY = """\
system:
Answer from the passages.

user:
{{ passages }}

Question: {{ question }}
"""


class Repeating(ScriptedModel):
    """Says the canary wherever it was told it, in whatever form it is asked for."""

    def __init__(self, *, local: bool, searches: str = "") -> None:
        super().__init__(self._said, capabilities=Capabilities(local=local, samples=True, structured="schema"))
        self.searches = searches

    def _said(self, prompt: Prompt) -> str:
        known = CANARY if told(prompt) else "boats"
        if prompt.output is None:
            return f"It is {known} [1].\n#### {known}"
        found = filled(prompt.output.schema, known)
        if self.searches and "action" in found:
            searched = any("Observation" in message.content or known == CANARY for message in prompt.messages)
            found["action"], found["input"] = ("finish", known) if searched else ("search", self.searches)
        return json.dumps(found)


def told(prompt: Prompt) -> bool:
    return any(CANARY in message.content for message in prompt.messages)


class Parts(LooseParts):
    """Two models: one of strangers, which is asked first, and one of our own."""

    def __init__(self, data: Any, *, strategy: Strategy | None = None, searches: str = "", **parts: Any) -> None:
        self.strangers, self.own = (Repeating(local=local, searches=searches) for local in (False, True))
        acl = {"salaries.md": ("group:hr",)}
        source = MemorySource(FILES, acl=acl)
        source.name = "documents"
        super().__init__(
            store=MemoryStore(),
            lexical=MemoryLexicalIndex(),
            embedder=HashingEmbedder(),
            model=self.own,
            sources=[source],
            **parts,
        )
        self.spec = RouteSpec(models=["strangers", "own"], data=data)
        self.strategy = strategy or Ordered()

    def answer(self, *, tenant: str, pipeline: str = "answer") -> AnswerPipeline:
        route = Route(strategy=self.strategy, local_only=self.spec.data == "local_only")
        router = Router({"strangers": self.strangers, "own": self.own}, route=route)
        found = super().answer(tenant=tenant, pipeline=pipeline)
        found.confidential = confidential(self.spec)
        return found.using(router=router)

    def require_kept(self) -> None:
        """The stranger was never told; ours was."""
        assert not any(map(told, self.strangers.prompts))
        assert any(map(told, self.own.prompts))


async def opened(parts: Parts) -> AsyncRag:
    rag = AsyncRag.__new__(AsyncRag)
    rag._parts = parts  # pyright: ignore[reportPrivateUsage]
    await rag.ingest()
    return rag


@pytest.mark.parametrize("strategy", [Ordered(), Cheapest(), Fastest({}), LeastBusy({})], ids=lambda one: one.name)
@pytest.mark.parametrize("data", POLICIES.values(), ids=POLICIES)
async def test_a_confidential_passage_stays_at_home_whatever_the_strategy(data: Any, strategy: Strategy):
    parts = Parts(data, strategy=strategy)
    async with await opened(parts) as rag:
        answer = await rag.ask(SALARY, k=1, principals=["group:hr"])
        assert CANARY in answer.text
        assert answer.prompt.confidential
        parts.require_kept()
        assert not parts.strangers.prompts
        other = await rag.ask(BOATS, k=1)
        assert other.prompt.confidential == (data == "local_only")
        if isinstance(strategy, Ordered):  # another may choose ours by itself
            assert bool(parts.strangers.prompts) == (data != "local_only")


async def test_without_a_policy_the_stranger_is_told():
    parts = Parts("any")
    async with await opened(parts) as rag:
        await rag.ask(SALARY, k=1, principals=["group:hr"])
    assert any(map(told, parts.strangers.prompts))


@pytest.mark.parametrize("layer", sorted({*EXAMPLES} - {"persona", "react"}))
async def test_no_layer_carries_it_out(layer: str, tmp_path: Path):
    file_with(tmp_path, frozenset([layer]))
    path = tmp_path / "test.prompty"
    path.write_text(re.sub(r"system:\n(.|\n)*", lambda _: BODY, path.read_text()))
    parts = Parts("public", prompt=path)
    async with await opened(parts) as rag:
        with suppress(ModelError):  # a reply that no layer can use: what was sent on the way counts
            await rag.ask(SALARY, k=1, principals=["group:hr"])
        parts.require_kept()
        assert not parts.strangers.prompts


@pytest.mark.parametrize("data", [POLICIES["public"], POLICIES["filter"]], ids=["public", "filter"])
async def test_what_a_tool_finds_on_the_way_counts_from_then_on(data: Any, tmp_path: Path):
    path = layered_file(tmp_path, "{react: {tools: [search], max_steps: 4}}", outputs=OUTPUTS, body=BODY).path
    parts = Parts(data, prompt=path, searches=SALARY)
    async with await opened(parts) as rag:
        answer = await rag.ask(BOATS, k=1, principals=["group:hr"])
    assert parts.strangers.prompts  # the question and the boats are for anybody
    assert answer.prompt.confidential
    parts.require_kept()


@pytest.mark.parametrize("rewrite", ["condense", "multi_query", "hyde", "step_back", "decompose"])
async def test_follow_ups_stay_where_their_history_has_to_and_so_does_their_rewriting(rewrite: str, tmp_path: Path):
    path = tmp_path / "asked.prompty"
    retrieve = f"metadata:\n  ragstone:\n    retrieve: {{rewrite: [{rewrite}]}}\n"
    path.write_text(f"---\ninputs: [{{name: question, required: true}}]\n{retrieve}---\n{BODY}")
    parts = Parts("public", prompt=path)
    async with await opened(parts) as rag:
        chat = rag.chat(prompt=str(path), principals=["group:hr"])
        await chat.ask(SALARY)
        before = len(parts.strangers.prompts)
        await chat.ask("And how many boats do they own?")
        parts.require_kept()
        assert len(parts.strangers.prompts) == before
        anew = rag.chat(prompt=str(path))
        await anew.ask(BOATS)
        assert len(parts.strangers.prompts) > before


async def test_where_none_is_your_own_nothing_is_sent_and_it_is_said_why():
    parts = Parts("public")
    parts.own = parts.strangers
    async with await opened(parts) as rag:
        with pytest.raises(NotAllowed, match="none of your own, and this request may go nowhere else"):
            await rag.ask(SALARY, k=1, principals=["group:hr"])
        explained = await rag.models().explain(SALARY, k=1, principals=["group:hr"])
        assert (explained.asked, explained.confidential) == ((), True)
        assert "write local: true" in (explained.failure or "")
    assert not parts.strangers.prompts
