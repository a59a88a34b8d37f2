from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ragstone.connectors.openvino import OpenVINOEmbedder
from ragstone.errors import ConfigError
from ragstone.ingestion.parsers.markdown import MarkdownParser
from ragstone.ingestion.splitters import breaks
from ragstone.ingestion.splitters.tokens import TokenSplitter
from ragstone.protocols import Embedder
from ragstone.types import Document, Piece

MINILM = OpenVINOEmbedder(download=False)


class Words(Embedder):
    """A token for each run of letters or digits and for each other sign; its id is its length.

    With `joined`, the spaces before a word belong to its token, as in byte-level tokenizers.
    """

    fingerprint, dimensions, window = "words", 1, 256

    def __init__(self, *, joined: bool = False) -> None:
        self.token = re.compile(r"\s*(?:\w+|[^\w\s])" if joined else r"\w+|[^\w\s]")
        self.read: list[str] = []

    async def embed(self, texts: object, **_: object) -> object:  # pyright: ignore[reportIncompatibleMethodOverride]
        raise AssertionError("a splitter embeds nothing")

    def tokens(self, text: str) -> tuple[Sequence[int], Sequence[tuple[int, int]]]:
        self.read.append(text)
        found = [match.span() for match in self.token.finditer(text)]
        return [end - start for start, end in found], found


def document(text: str) -> Document:
    spans = MarkdownParser().parse(text.encode(), uri="cod.md").spans if text.strip() else ()
    return Document(
        id="d", source="s", uri="cod.md", title="", media_type="text/markdown", text=text, content_hash="", spans=spans
    )


def cut(text: str, *, size: int, overlap: int = 0) -> list[str]:
    pieces = TokenSplitter(embedder=Words(), size=size, overlap=overlap).split(document(text))
    return [text[piece.start : piece.end] for piece in pieces]


def words(count: int, word: str = "cod") -> str:
    return " ".join([word] * count)


def sentences(*lengths: int) -> str:
    """Sentences of so many tokens each, the full stop counted."""
    return " ".join("Cod" + " swims" * (length - 2) + "." for length in lengths)


# ── Sentences and paragraphs ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_short_text_is_one_piece_without_the_space_around_it() -> None:
    assert cut("\n\n Cod swims. \n", size=10) == ["Cod swims."]


@pytest.mark.parametrize("text", ["", " \n\t "])
def test_a_blank_text_has_no_pieces(text: str) -> None:
    assert cut(text, size=10) == []


def test_sentences_are_packed_up_to_the_size() -> None:
    assert cut(sentences(4, 4, 4, 4, 4), size=10) == [sentences(4, 4), sentences(4, 4), sentences(4)]


def test_a_paragraph_s_end_is_taken_before_a_later_sentence_s() -> None:
    first, second = sentences(4, 4, 4), f"Cod. {sentences(4, 4, 4)}"
    assert cut(f"{first}\n\n{second}", size=14) == [first, second]


def test_a_sentence_s_end_is_taken_before_a_later_word_s() -> None:
    assert cut(f"{sentences(6)} {words(14, 'Cod')}", size=10) == [sentences(6), words(10, "Cod"), words(4, "Cod")]


def test_a_paragraph_that_ends_early_is_filled_up() -> None:
    assert cut(f"{sentences(4)}\n\n{sentences(4, 4, 8)}", size=12)[0] == f"{sentences(4)}\n\n{sentences(4, 4)}"


def test_the_last_piece_is_not_left_tiny() -> None:
    found = cut(sentences(4, 4, 4, 4, 4, 2), size=20)
    assert found == [sentences(4, 4, 4), sentences(4, 4, 2)]


def test_a_sentence_that_is_too_long_is_cut_between_words() -> None:
    assert cut(words(25), size=10) == [words(10), words(10), words(5)]


def test_a_word_that_is_too_long_is_cut_by_characters() -> None:
    assert [len(piece) for piece in cut("x" * 200, size=10)] == [80, 80, 40]


def test_an_overlap_repeats_whole_sentences() -> None:
    text = "A cod. B cod. C cod. D cod. E cod. F cod. G cod."
    assert cut(text, size=9, overlap=4) == [
        "A cod. B cod. C cod.",
        "C cod. D cod. E cod.",
        "E cod. F cod. G cod.",
    ]


def test_an_overlap_repeats_no_piece_as_a_whole() -> None:
    assert cut("\n```\n" + "x" * 90, size=10, overlap=5) == ["```", "x" * 80, "x" * 10]


def test_a_sentence_longer_than_the_overlap_is_not_repeated() -> None:
    assert cut(sentences(5, 5, 5), size=10, overlap=4) == [sentences(5, 5), sentences(5)]


# ── Sections ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_piece_keeps_to_one_section() -> None:
    first, second = f"## A\n\n{sentences(5)}", f"## B\n\n{sentences(5)}"
    assert cut(f"{first}\n\n{second}", size=20) == [first, second]


def test_a_section_takes_in_the_one_below_if_both_fit() -> None:
    above, below, beside = f"# A\n\n{sentences(5)}", f"## B\n\n{sentences(5)}", f"## C\n\n{sentences(5)}"
    assert cut("\n\n".join((above, below, beside)), size=20) == [f"{above}\n\n{below}", beside]


def test_tiny_sections_are_put_together() -> None:
    text = "\n\n".join(f"## {name}\n\nCod swims." for name in "ABCDEF")
    assert cut(text, size=50) == [text]


def test_a_tiny_section_goes_with_the_one_below_it_rather_than_before_it() -> None:
    before, tiny, below = f"## A\n\n{sentences(20)}", "## B\n\nCod.", f"### C\n\n{sentences(20)}"
    assert cut("\n\n".join((before, tiny, below)), size=40) == [before, f"{tiny}\n\n{below}"]


def test_a_heading_goes_with_the_text_under_it() -> None:
    text = f"# A\n\n## B\n\n{sentences(6, 6)}"
    assert cut(text, size=12) == [f"# A\n\n## B\n\n{sentences(6)}", sentences(6)]


@pytest.mark.parametrize("heading", ["## Cod", "Cod\n---", "Cod\r\n==="])
def test_a_heading_stays_with_the_beginning_of_a_long_sentence(heading: str) -> None:
    found = cut(f"{heading}\n\n{words(30)}", size=12)
    assert found[0].startswith(f"{heading}\n\ncod")


def test_a_heading_at_the_end_goes_with_the_text_before_it() -> None:
    assert cut("# A\n\nCod swims.\n\n## B", size=20) == ["# A\n\nCod swims.\n\n## B"]


# ── Tables and code ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("row", ["| Cod. Big | 3 |", "Cod. Big one | 3. Or 4"])
def test_a_table_is_cut_between_rows(row: str) -> None:
    assert cut("\n".join([row] * 5), size=20) == ["\n".join([row] * 2)] * 2 + [row]


def test_a_fenced_block_that_fits_is_not_cut() -> None:
    before, fence = sentences(8), "```\na. B\n\nc. D\n\ne. F\n```"
    assert cut(f"{before}\n\n{fence}\n\n{sentences(8)}", size=20) == [before, f"{fence}", sentences(8)]


def test_a_fenced_block_that_does_not_fit_is_cut_between_lines() -> None:
    found = cut("```\n" + "a = f(b)\n" * 9 + "```", size=20)
    assert len(found) > 1
    assert all(line in ("```", "a = f(b)") for piece in found for line in piece.split("\n"))


# ── Any text ─────────────────────────────────────────────────────────────────────────────────────────────────────────

lines = st.sampled_from(
    [
        *(
            "# Head",
            "## Sub",
            "### Deep",
            "",
            "",
            "```",
            "| a. B | c |",
            "- item",
            "---",
            "Title\n===",
            "x" * 50,
            "\tx",
        ),
        *(
            "word " * 40,
            "A sentence. Another one! Is it?",
            "中文句子。日本語のテキスト",
            "e\u0301\u200d👩‍👩‍👧 z",
            "ẞ İI ﬁ",
        ),
        *("[SEP] [MASK]x[CLS]", "\x1cfoo\u2028bar\x85", "ไทยไม่มีช่องว่าง" * 3, "हिन्दी में। एक", "a\u0300" * 30),
    ]
) | st.text(max_size=30)
texts = st.builds(lambda parts, end: end.join(parts), st.lists(lines, max_size=30), st.sampled_from(["\n", "\r\n"]))


def check(text: str, pieces: Sequence[Piece], embedder: Embedder, size: int) -> None:
    covered = bytearray(len(text))
    for piece in pieces:
        part = text[piece.start : piece.end]
        assert part == part.strip() != ""
        assert piece.ids == tuple(embedder.tokens(part)[0])
        assert len(piece.ids) <= size
        covered[piece.start : piece.end] = b"\1" * len(part)
    assert all(covered[at] or sign.isspace() for at, sign in enumerate(text))


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(text=texts.filter(lambda text: "\0" not in text and text.strip()), size=st.integers(8, 40), data=st.data())
def test_any_text_is_covered_by_ordered_pieces_with_their_own_ids(text: str, size: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(0, size // 2))
    whole = Document(
        id="d",
        source="s",
        uri="cod.md",
        title="",
        media_type="text/markdown",
        text=text,
        content_hash="",
        spans=MarkdownParser().parse(b"\xef\xbb\xbf" + text.encode(), uri="cod.md").spans,
    )
    pieces = TokenSplitter(embedder=MINILM, size=size, overlap=overlap).split(whole)
    check(text, pieces, MINILM, size)
    for before, after in pairwise(pieces):
        assert before.start < after.start
        assert before.end < after.end
        assert overlap or before.end <= after.start


@pytest.mark.parametrize("unit", ["中文没有空格。", "Cod swims far. ", "x", "Cod\n\n", "# A\n\n## B\n\ncod swims\n\n"])
def test_a_text_of_several_stretches_is_covered_too(unit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaks, "STRETCH", 500)
    text = unit * (3_000 // len(unit))
    pieces = TokenSplitter(embedder=MINILM, size=50).split(document(text))
    check(text, pieces, MINILM, 50)
    assert not any(text[piece.start : piece.end].endswith(("# A", "## B")) for piece in pieces)


def test_the_ids_are_right_where_a_space_belongs_to_a_token() -> None:
    text, embedder = sentences(5, 5, 5, 5), Words(joined=True)
    check(text, TokenSplitter(embedder=embedder, size=10).split(document(text)), embedder, 10)


def test_a_text_is_tokenised_once() -> None:
    embedder, text = Words(), "\n\n".join([sentences(8, 9, 10)] * 50)
    splitter = TokenSplitter(embedder=embedder, size=20)
    splitter.split(document("Cod."))
    embedder.read.clear()
    splitter.split(document(text))
    assert embedder.read == [text]


# ── Settings ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({"size": 7}, "size is out of range: expected 8 to 254, what the embedder takes, found 7"),
        ({"size": 255}, "size is out of range: expected 8 to 254, what the embedder takes, found 255"),
        ({"size": 10, "overlap": 6}, "overlap is out of range: expected 0 to 5, half the size, found 6"),
        ({"overlap": -1}, "overlap is out of range: expected 0 to 100, half the size, found -1"),
    ],
)
def test_settings_out_of_range_are_refused(keys: dict[str, int], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        TokenSplitter(embedder=Words(), **keys)


def test_the_fingerprint_changes_with_the_settings_and_the_embedder() -> None:
    other = Words()
    other.fingerprint = "other"
    splitters = [
        TokenSplitter(embedder=Words()),
        TokenSplitter(embedder=Words(), size=100),
        TokenSplitter(embedder=Words(), overlap=20),
        TokenSplitter(embedder=other),
    ]
    assert len({splitter.fingerprint for splitter in splitters}) == 4
    assert splitters[0].fingerprint == TokenSplitter(embedder=Words(), size=200, overlap=0).fingerprint
