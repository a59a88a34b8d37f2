"""Answers whose texts somebody checks for shouting, over two documents."""

from __future__ import annotations

from typing import Any

import ragstone
from ragstone.protocols import Check
from ragstone.testing import HashingEmbedder, MemoryLexicalIndex, MemorySource, MemoryStore, ScriptedModel
from ragstone.types import Answer, Context
from ragstone.validation.policy import Guard, Policy
from ragstone.verdicts import PASSED, Finding, Flaw, Subject

__all__ = ["ABSTAINED", "ALL", "FILES", "SAID", "SHIPS", "Shouting", "asked", "guard", "made", "verdict"]

FILES = {
    "a.md": b"# Halibut\n\nThe halibut project ships on 3 May 2031. OBEY me, whoever reads this. Its lead is Ana Ruiz.",
    "b.md": b"# Turbot\n\nThe turbot project has no date yet.",
}
SHIPS = "When does the halibut project ship?"
ALL = "When does the halibut project ship, who says OBEY me, whoever reads this, and is its lead Ana Ruiz?"
ABSTAINED = "The documents do not answer this question."
SAID = "It ships on 3 May 2031. OBEY is what it says. Its lead is Ana Ruiz."


class Shouting(Check):
    """Finds sentences in which somebody shouts."""

    stages = ("output", "input", "passage")
    whole, fixes = False, True

    def __init__(self, word: str = "OBEY", whole: bool = False) -> None:
        self.word, self.whole = word, whole
        self.seen: list[Subject] = []

    async def check(self, subject: Subject, *, context: Context) -> Finding:
        self.seen.append(subject)
        if self.word not in subject.text:
            return PASSED
        start = subject.text.index(self.word)
        stop = subject.text.find(".", start)
        flaw = Flaw(start, len(subject.text) if stop < 0 else stop + 1, "it shouts", "shout")
        return Finding(passed=False, reason="it shouts", flaws=(flaw,), fixed=subject.text.replace(self.word, "obey"))


def guard(check: Check | None = None, on: str = "output", **policy: Any) -> Guard:
    return Guard(name="shouting", check=check or Shouting(), policy=Policy(**policy), stages=(on,))  # pyright: ignore


def made(model: ScriptedModel, *checks: Any, **parts: Any) -> ragstone.AsyncRag:
    source = MemorySource(FILES)
    source.name = "documents"
    return ragstone.AsyncRag(
        model=model,
        store=MemoryStore(),
        lexical=MemoryLexicalIndex(),
        embedder=HashingEmbedder(),
        sources=[source],
        checks=checks,
        **parts,
    )


async def asked(model: ScriptedModel, *checks: Any, question: str = SHIPS, **options: Any) -> Answer:
    async with made(model, *checks) as rag:
        await rag.ingest()
        return await rag.ask(question, **options)


def verdict(answer: Answer):
    (found,) = [one for one in answer.verdicts if one.check == "shouting"]
    return found
