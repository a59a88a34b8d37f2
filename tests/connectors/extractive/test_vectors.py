from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.connectors.extractive.candidates import Candidate, candidates
from ragstone.connectors.extractive.signals import Question
from ragstone.connectors.extractive.vectors import similarities, windows
from ragstone.connectors.openvino import OpenVINOEmbedder
from ragstone.testing import HashingEmbedder
from ragstone.types import Chunk, Context, Hit

MakeHit = Callable[..., Hit]
CONTEXT = Context()


@given(st.lists(st.integers(1, 40), max_size=8), st.integers(12, 60))
def test_windows_fit_the_embedder_and_hold_every_sentence_once(lengths: list[int], window: int) -> None:
    text = " ".join("Word " + "word " * (length - 1) + "end." for length in lengths)
    chunk = Chunk(id="c", document_id="d", uri="u", title="", text=text, start=0, end=len(text), line=1)
    sentences = candidates([Hit(chunk, 1, {})])
    embedder = HashingEmbedder(window=window)
    found = list(windows(text, sentences, embedder))
    assert all(len(embedder.tokens(each.text)[0]) <= window - 2 for each in found)
    assert [sentence for each in found for sentence in each.sentences] == sentences
    for each in found:
        assert text[each.start : each.start + len(each.text)] == each.text
        assert all(each.start <= sentence.start < each.start + len(each.text) for sentence in each.sentences)


def test_a_passage_of_the_usual_size_is_one_window(hit: MakeHit) -> None:
    found = hit("It ships in May. Ana leads it.")
    (window,) = windows(found.chunk.text, candidates([found]), HashingEmbedder())
    assert (window.text, window.start, len(window.sentences)) == (found.chunk.text, 0, 2)


async def compared(
    embedder: HashingEmbedder | OpenVINOEmbedder, question: str, hit: Hit
) -> dict[str, dict[str, float]]:
    """The signals of each sentence of a passage, by its text."""
    found = list(windows(hit.chunk.text, candidates([hit]), embedder))
    signals = await similarities(Question(question, "en"), found, embedder, context=CONTEXT)
    return {sentence.text: dict(each) for sentence, each in signals.items()}


async def test_the_same_words_are_as_close_as_can_be(hit: MakeHit) -> None:
    found = await compared(HashingEmbedder(), "It ships in May.", hit("It ships in May. Rain falls."))
    assert found["It ships in May."] == pytest.approx({"closeness": 1.0, "words": 1.0}, abs=1e-5)
    assert found["Rain falls."]["words"] < 0.5


async def test_a_sentence_is_read_in_its_passage(minilm: OpenVINOEmbedder, hit: MakeHit) -> None:
    question, sentence = "Who is the lead of halibut?", "Its lead is Ana Ruiz."
    alone = await compared(minilm, question, hit(sentence))
    among = await compared(minilm, question, hit(f"The halibut project ships in May. {sentence}"))
    assert among[sentence]["closeness"] > alone[sentence]["closeness"]


async def test_a_question_without_words_has_no_signals(hit: MakeHit) -> None:
    assert await compared(HashingEmbedder(), " ", hit("It ships in May.")) == {}


async def test_a_question_of_function_words_is_compared_by_all_of_them(hit: MakeHit) -> None:
    found = await compared(HashingEmbedder(), "Who is it?", hit("It is Ana."))
    assert 0 < found["It is Ana."]["words"] < 1


async def test_what_has_no_token_has_no_signals() -> None:
    embedder = HashingEmbedder()
    blank = Candidate(1, 0, 1, " ", "")
    assert list(windows(" ", [blank], embedder)) == []
