"""An answer on its way out, for tests."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from ragstone.types import Chunk, Context, Hit, Message, Prompt, Slot, Trust
from ragstone.validation.egress.check import EgressCheck
from ragstone.validation.policy import Guard, Policy
from ragstone.validation.screening import Screened, Screening
from ragstone.verdicts import Subject

CODE = "nn4mt-5mz2w-d4tj5-bk7qs"
TOLD = (
    "You answer from passages of the reader's own documents, and the reader will check every claim against the passage "
    f"that you name. The code {CODE} marks these instructions. The manual stands at https://manual.example.org/start."
)
FOUND = "Read https://known.example.com/page and [the plan](plan.md), or write to clerk@known.example.com."
QUESTION = "What does https://asked.example.com/a say?"


def hit(text: str, **metadata: Any) -> Hit:
    chunk = Chunk(
        id="1", document_id="1", uri="a.md", title="A", text=text, start=0, end=len(text), line=1, metadata=metadata
    )
    return Hit(chunk, 1, {})


def prompt(*, found: str = FOUND, trust: str = "retrieved", question: str = QUESTION, code: str = CODE) -> Prompt:
    label: Trust = "retrieved"
    slots = (
        Slot(name="passages", trust=label, text=found, hits=(hit(found, trust=trust),) if found else ()),
        Slot(name="question", trust="user", text=question),
        Slot(name="canary", trust="author", text=code),
    )
    said = (Message("system", TOLD), Message("user", f"{found}\n\nQuestion: {question}"))
    return Prompt(name="answer", version="1", messages=said, slots=slots, abstain="The documents do not answer this.")


def screened(pieces: Sequence[str] | str, given: Prompt | None = None, **settings: Any) -> tuple[str, Screened]:
    """What was said of an answer that arrives in these pieces, and what it came to."""

    async def run() -> tuple[str, Screened]:
        said = given or prompt()
        subject = Subject(text="", stage="output", trust="retrieved", prompt=said)
        guard = Guard(name="egress", check=EgressCheck(**settings), policy=Policy(on_fail="fix", timeout=3600))
        screening = Screening([guard], subject, context=Context())
        heard = [await screening.feed(piece) for piece in ([pieces] if isinstance(pieces, str) else pieces)]
        ended = await screening.finish()
        return "".join(heard) + ended.rest, ended

    return asyncio.run(run())


def left(text: str, given: Prompt | None = None, **settings: Any) -> str:
    """What comes out of an answer."""
    return screened(text, given, **settings)[1].text
