"""Every splitter passes the suite, and holds its promises for any document."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ragstone import registry
from ragstone.connectors.openvino import OpenVINOEmbedder
from ragstone.ingestion.splitters.code import CodeSplitter
from ragstone.ingestion.splitters.markdown import MarkdownSplitter
from ragstone.ingestion.splitters.page import PageSplitter
from ragstone.ingestion.splitters.parent_child import ParentChildSplitter
from ragstone.ingestion.splitters.row import RowSplitter
from ragstone.ingestion.splitters.semantic import SemanticSplitter
from ragstone.ingestion.splitters.sentences import SentenceSplitter
from ragstone.ingestion.splitters.tokens import TokenSplitter
from ragstone.protocols import Embedder, Splitter
from ragstone.testing import HashingEmbedder
from ragstone.testing.suites import SplitterSuite
from ragstone.testing.suites.splitter import check_pieces, document_of

MINILM = OpenVINOEmbedder(download=False)

MAKE: dict[str, Callable[[Embedder, int], Splitter]] = {
    "tokens": lambda embedder, size: TokenSplitter(embedder=embedder, size=size, overlap=size // 4),
    "sentences": lambda embedder, size: SentenceSplitter(embedder=embedder, size=size, sentences=3, overlap=1),
    "markdown": lambda embedder, size: MarkdownSplitter(embedder=embedder, size=size),
    "code": lambda embedder, size: CodeSplitter(embedder=embedder, size=size),
    "semantic": lambda embedder, size: SemanticSplitter(embedder=embedder, size=size),
    "page": lambda embedder, size: PageSplitter(embedder=embedder, size=size),
    "row": lambda embedder, size: RowSplitter(embedder=embedder, size=size, rows=2),
    "parent_child": lambda embedder, size: ParentChildSplitter(embedder=embedder, size=size, parent_size=size * 3),
}


class TestTokens(SplitterSuite):
    def make(self, tmp_path: Path) -> Splitter:
        return TokenSplitter(embedder=self.embedder, size=40)


class TestSentences(SplitterSuite):
    def make(self, tmp_path: Path) -> Splitter:
        return SentenceSplitter(embedder=self.embedder, sentences=4, overlap=2)


class TestMarkdown(SplitterSuite):
    def make(self, tmp_path: Path) -> Splitter:
        return MarkdownSplitter(embedder=self.embedder, level=3)


class TestCode(SplitterSuite):
    def make(self, tmp_path: Path) -> Splitter:
        return CodeSplitter(embedder=self.embedder, size=50)


class TestSemantic(SplitterSuite):
    def make(self, tmp_path: Path) -> Splitter:
        return SemanticSplitter(embedder=self.embedder, size=50)


class TestPage(SplitterSuite):
    def make(self, tmp_path: Path) -> Splitter:
        return PageSplitter(embedder=self.embedder)


class TestRow(SplitterSuite):
    def make(self, tmp_path: Path) -> Splitter:
        return RowSplitter(embedder=self.embedder)


class TestParentChild(SplitterSuite):
    def make(self, tmp_path: Path) -> Splitter:
        return ParentChildSplitter(embedder=self.embedder, size=30, parent_size=300)


def test_every_registered_splitter_is_held_to_the_suite() -> None:
    assert set(MAKE) == set(registry.names("splitter"))


@pytest.mark.parametrize("name", MAKE)
def test_the_fingerprint_says_what_cuts_how(name: str) -> None:
    small, other = MAKE[name](HashingEmbedder(), 8), HashingEmbedder(dimensions=8)
    assert small.fingerprint == MAKE[name](HashingEmbedder(), 8).fingerprint
    assert len({small.fingerprint, MAKE[name](HashingEmbedder(), 9).fingerprint, MAKE[name](other, 8).fingerprint}) == 3


words = st.sampled_from(
    [
        *("Cod swims. ", "far ", "Is it? ", "中文句子。", "العربية؟ ", "हिन्दी में। ", "👩‍👩‍👧", "x" * 70, "ไทยไม่มีช่องว่าง"),
        *("\n", "\n\n", "    ", "{", "}", "def f(self):\n", "class A:\n", "# note\n", "@x\n", "```\n", "a\u0300" * 20),
    ]
)
texts = st.lists(words, min_size=1, max_size=25).map("".join) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40
)
cells = st.sampled_from(["", "cod", "中文", "x" * 30, "a b c d e", "👩‍🚀", "3.5"])
rows = st.lists(st.lists(cells, min_size=1, max_size=4).map(" | ".join), min_size=1, max_size=12).map("\n".join)
blocks = st.one_of(
    st.tuples(st.just("heading"), st.sampled_from(["# Cod", "## Eel", "### Ray"])),
    st.tuples(st.sampled_from(["text", "page", "slide"]), texts),
    st.tuples(st.sampled_from(["table", "rows"]), rows),
)


@pytest.mark.parametrize("name", MAKE)
@pytest.mark.parametrize("embedder", [MINILM, HashingEmbedder()], ids=["minilm", "hashing"])
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.differing_executors])
@given(
    found=st.lists(blocks, max_size=8),
    end=st.sampled_from(["\n", "\r\n"]),
    size=st.integers(8, 60),
    uri=st.sampled_from(["cod.md", "cod.py", "cod.js", "cod.cpp", "cod.rb"]),
)
def test_any_document_is_cut_into_pieces_that_hold_all_of_it(
    name: str, embedder: Embedder, found: list[tuple[str, str]], end: str, size: int, uri: str
) -> None:
    document = replace(document_of(found, end=end), uri=uri)  # pyright: ignore[reportArgumentType]
    check_pieces(document, MAKE[name](embedder, size).split(document), embedder)
