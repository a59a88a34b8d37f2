"""A request like any other: a question with five passages of 800 characters."""

from __future__ import annotations

from pathlib import Path

from ragstone.prompts.builder import build
from ragstone.prompts.file import PromptFile, load
from ragstone.types import Chunk, Hit, Prompt

__all__ = ["PASSAGES", "QUESTION", "answer_file", "built"]

PROMPTS = Path(__file__).parents[3] / "prompts"
QUESTION = "When does the harbour open, and who says so?"
SENTENCE = "The harbour master opens the gates of the inner basin at six, and closes them when the last boat is in. "
PASSAGES = [f"{number}. {SENTENCE * 8}" for number in range(1, 6)]
HITS = [
    Hit(Chunk(id=str(number), document_id="d", uri="harbour.md", title="Harbour", text=text, start=0, end=len(text),
              line=1, spans=()), number, {})
    for number, text in enumerate(PASSAGES, 1)
]  # fmt: skip


def answer_file() -> PromptFile:
    """`prompts/answer.prompty`."""
    return load(PROMPTS / "answer.prompty", root=PROMPTS)


def built(file: PromptFile, question: str = QUESTION) -> Prompt:
    """The request that a file makes of the question and the passages."""
    return build(file, {"question": question}, hits=HITS)
