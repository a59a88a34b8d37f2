"""Prompts over passages, and the embedder that the calibration was made with."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ragstone.connectors.openvino import OpenVINOEmbedder
from ragstone.types import Chunk, Hit, Prompt, Slot, Span


@pytest.fixture(scope="session")
def minilm(tmp_path_factory: pytest.TempPathFactory) -> OpenVINOEmbedder:
    return OpenVINOEmbedder(cache=tmp_path_factory.mktemp("networks"))


@pytest.fixture
def hit() -> Callable[..., Hit]:
    """Makes a hit of a text, in English unless said otherwise."""

    def make(text: str, *, language: str = "en", title: str = "", headings: tuple[str, ...] = ()) -> Hit:
        spans = tuple(Span("heading", 0, len(text), label, level) for level, label in enumerate(headings, 1))
        chunk = Chunk(
            id=f"{hash(text):x}",
            document_id="d",
            uri="notes.md",
            title=title,
            text=text,
            start=0,
            end=len(text),
            line=1,
            spans=spans,
            metadata={"lang": language},
        )
        return Hit(chunk, 1, {"fused": 1.0})

    return make


@pytest.fixture
def prompt() -> Callable[..., Prompt]:
    """Makes the prompt of a question over hits."""

    def make(question: str, *hits: Hit, abstain: str | None = None) -> Prompt:
        slots = (
            Slot(name="passages", trust="retrieved", text="", hits=hits),
            Slot(name="question", trust="user", text=question),
        )
        return Prompt(name="answer", version="1", messages=(), slots=slots, abstain=abstain)

    return make
