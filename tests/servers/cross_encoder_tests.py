"""The cross_encoder connector with a real, if tiny, model. `test_cross_encoder.py` runs this where torch is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from make_tiny_cross_encoder import make
from sentence_transformers import CrossEncoder

import no_network
from ragstone.connectors.cross_encoder import CrossEncoderReranker
from ragstone.errors import ModelError, ModelTimeout
from ragstone.testing.suites import RerankerSuite
from ragstone.testing.suites.reranker import QUESTION, TEXTS
from ragstone.types import Context

no_network.refuse()  # a model in a folder asks nobody

MODEL = os.environ["TINY_CROSS_ENCODER"]


class TestCrossEncoderReranker(RerankerSuite):
    vendors = ("torch", "transformers", "tokenizers", "sentence_transformers")
    deadlines = True
    trained = False

    def make(self, tmp_path: Path) -> CrossEncoderReranker:
        return CrossEncoderReranker(model=MODEL, device="cpu", batch=16)


async def test_the_scores_are_those_of_the_library_without_its_sigmoid():
    reranker = CrossEncoderReranker(model=MODEL, device="cpu", batch=3)
    found = await reranker.scores(QUESTION, TEXTS, context=Context())
    with torch.inference_mode():
        expected = CrossEncoder(MODEL, device="cpu", local_files_only=True).predict(
            [(QUESTION, text) for text in TEXTS], show_progress_bar=False
        )
    assert torch.sigmoid(torch.tensor(found)).tolist() == pytest.approx(expected.tolist(), abs=1e-5)
    assert len({round(score, 3) for score in found}) > 4, "the random model tells texts apart"
    await reranker.close()


async def test_precision_and_length_are_the_models():
    texts = ["the halibut project " * 30, "the turbot project " * 30]
    whole, short, half = (
        CrossEncoderReranker(model=MODEL, device="cpu", **given)
        for given in ({}, {"max_length": 24}, {"precision": "bfloat16"})
    )
    full = await whole.scores(QUESTION, texts, context=Context())
    assert await half.scores(QUESTION, texts, context=Context()) == pytest.approx(full, abs=0.3)
    cut = await short.scores(QUESTION, texts, context=Context())
    assert cut != pytest.approx(full, abs=1e-3)
    again = await short.scores(QUESTION, [text + "and more" for text in texts], context=Context())
    assert again == pytest.approx(cut, abs=1e-4), "what is beyond the length is not read"


async def test_the_deadline_ends_it_between_two_batches():
    reranker = CrossEncoderReranker(model=MODEL, device="cpu", batch=1)
    await reranker.load()
    with pytest.raises(ModelTimeout, match="before all texts were read"):
        await reranker.scores(QUESTION, ["a text " * 200] * 2000, context=Context().within(0.2))


async def test_what_is_no_reranker_is_said(tmp_path: Path):
    with pytest.raises(ModelError, match="cannot be loaded"):
        await CrossEncoderReranker(model=str(tmp_path), device="cpu").load()
    (tmp_path / "text.txt").write_text("a few words for a tokenizer")
    make(str(tmp_path / "three"), [str(tmp_path / "text.txt")], labels=3)
    with pytest.raises(ModelError, match="expected one number for each text, found 3"):
        await CrossEncoderReranker(model=str(tmp_path / "three"), device="cpu").load()
