"""A project in memory whose pipeline remembers questions, with a judge that needs no model."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from ragstone.assembly import LooseParts
from ragstone.caching.model import CachedModel
from ragstone.caching.screen import Screen
from ragstone.caching.semantic.figures import Figures
from ragstone.caching.semantic.questions import Asked
from ragstone.caching.semantic.remembering import RememberedQuestions
from ragstone.caching.semantic.watch import Watch
from ragstone.inference.router import Router
from ragstone.pipelines.answer import AnswerPipeline
from ragstone.pipelines.remembered import LastWord, Semantic
from ragstone.pipelines.spec import RetrieveSpec
from ragstone.pipelines.watched import Afresh
from ragstone.protocols import Cache, LexicalIndex, Model, VectorStore
from ragstone.rag import AsyncRag
from ragstone.testing import (
    HashingEmbedder,
    MemoryCache,
    MemoryLexicalIndex,
    MemorySource,
    MemoryStore,
    ScriptedModel,
)
from ragstone.types import Prompt

FILES: Mapping[str, bytes | str] = {
    "a.md": "# Halibut\n\nThe halibut project ships on 3 May 2031. Its lead is Ana Ruiz.",
    "b.md": "# Turbot\n\nThe turbot project has no date yet.",
}
SHIPS, SHIPS_TOO, TURBOT = (
    "When does the halibut project ship?",
    "The halibut project: when does it ship?",
    "When does the turbot project ship?",
)
_IDLE = {"the", "a", "it", "do", "does", "please", "is"}


def content(text: str) -> list[str]:
    """The words of a question that count here, sorted."""
    return sorted(set(re.findall(r"\w+", text.casefold())) - _IDLE)


@dataclass(frozen=True)
class Verdict:
    """What the judge says."""

    same: bool
    score: float
    check: str


class WordJudge:
    """Takes questions of the same words for the same, in whatever order; `wrong` has it take all for the same."""

    def __init__(self, *, near: float = 0.5, wrong: bool = False) -> None:
        self.near, self.wrong = near, wrong
        self.judged: list[tuple[Asked, Asked]] = []

    def judge(self, asked: Asked, kept: Asked) -> Verdict:
        """By their words alone."""
        self.judged.append((asked, kept))
        same = self.wrong or content(asked.text) == content(kept.text)
        return Verdict(same, float(asked.vector @ kept.vector), "" if same else "model")


def echo(prompt: Prompt) -> str:
    """An answer that tells what was asked, and what was read first."""
    slot = prompt.slot("retrieved")
    read = slot.hits[0].chunk.text.splitlines()[-1] if slot is not None and slot.hits else "nothing"
    return f"{read} [1]"


class RememberingParts(LooseParts):
    """Parts given by hand, with a cache beside them, for any number of tenants."""

    def __init__(
        self,
        *,
        files: Mapping[str, bytes | str] = FILES,
        acl: Mapping[str, Sequence[str]] | None = None,
        model: Model | None = None,
        cache: Cache | None = None,
        judge: WordJudge | None = None,
        last: LastWord | None = None,
        watch: float = 0.0,
        bound: float = 0.05,
        limit: int = 1_000,
        every: float = 0.0,
        sampled: bool = False,
        screen: Screen | None = None,
        calibration: str = "c1",
        prompt: str | Path = "answer",
        **parts: Any,
    ) -> None:
        self.source = MemorySource(dict(files), acl={name: tuple(who) for name, who in (acl or {}).items()})
        self.source.name = "documents"
        self.asked = model or ScriptedModel(echo)
        self.asked.fingerprint = self.asked.fingerprint or "scripted-1"
        super().__init__(
            embedder=parts.pop("embedder", None) or HashingEmbedder(),
            model=self.asked,
            sources=[self.source],
            prompt=prompt,
            **parts,
        )
        self.cache = cache or MemoryCache()
        self.retrieve = RetrieveSpec()
        self.sampled = sampled
        self.judge = judge or WordJudge()
        self.semantic = Semantic(
            pipeline="answer",
            questions=RememberedQuestions(self.cache, limit=limit, every=every),
            judge=self.judge,
            watch=Watch(
                self.cache,
                place="here",
                pipeline="answer",
                calibration=calibration,
                bound=bound,
                share=watch,
                random=Random(7),
                every=every,
            ),
            figures=Figures(self.cache),
            afresh=Afresh(timeout=60),
            last=last,
            sampled=sampled,
            screen=screen,
        )

    def answer(self, *, tenant: str, pipeline: str = "answer") -> AnswerPipeline:
        kept = CachedModel(self._model, self.cache, sampled=self.sampled, screen=self.semantic.screen)
        return AnswerPipeline(
            self._index(tenant),
            Router({"scripted": kept}),
            prompt=str(self._prompt),
            prompt_file=self._prompts.get,
            retrieve=self.retrieve,
            embedder=self._reading,
            tool=self._tool,
            semantic=self.semantic,
        )

    def _default(self, kind: str, type_name: str, tenant: str, protocol: Any) -> Any:
        made: VectorStore | LexicalIndex = MemoryStore() if kind == "store" else MemoryLexicalIndex()
        return made

    async def settled(self) -> None:
        """Waits for all that goes on beside the requests."""
        await self.semantic.afresh.settled()
        await self.semantic.questions.settled()
        await self.semantic.watch.settled()

    async def close(self) -> None:
        await self.semantic.close()
        await super().close()


def opened(parts: RememberingParts) -> AsyncRag:
    """A program that holds these parts."""
    rag = AsyncRag.__new__(AsyncRag)
    rag._parts = parts  # pyright: ignore[reportPrivateUsage]
    return rag
