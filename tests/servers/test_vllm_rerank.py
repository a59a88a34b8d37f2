"""The rerank connector against a real vLLM that serves a tiny cross-encoder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import ClassVar

import pytest

from ragstone.connectors.rerank import RerankServer
from ragstone.errors import ModelRejected
from ragstone.testing.suites import RerankerSuite
from ragstone.testing.suites.reranker import QUESTION, TEXTS
from ragstone.types import Context

pytestmark = pytest.mark.vllm

CUT = {"truncate_prompt_tokens": -1}


class TestRerankOnVLLM(RerankerSuite):
    deadlines = True
    trained = False
    url: ClassVar[str]

    @pytest.fixture(autouse=True)
    def _served(self, vllm_reranker) -> None:
        type(self).url = vllm_reranker.base_url

    def make(self, tmp_path: Path) -> RerankServer:
        return RerankServer(self.url, "tiny", options=CUT)


@pytest.fixture
async def reranker(vllm_reranker) -> AsyncIterator[RerankServer]:
    made = RerankServer(vllm_reranker.base_url, "tiny", batch=3)
    yield made
    await made.close()


async def test_each_text_has_a_score_of_its_own(reranker: RerankServer) -> None:
    texts = [text for text in TEXTS if text.strip()]
    found = await reranker.scores(QUESTION, texts, context=Context())
    assert all(0 < score < 1 for score in found), "vLLM takes the sigmoid"
    assert len({round(score, 3) for score in found}) > 2


async def test_a_text_that_is_too_long_is_rejected_with_what_to_do(reranker: RerankServer) -> None:
    with pytest.raises(ModelRejected, match="truncate_prompt_tokens: -1"):
        await reranker.scores(QUESTION, ["word " * 2000], context=Context())


async def test_an_unknown_model_is_rejected_by_name(vllm_reranker) -> None:
    other = RerankServer(vllm_reranker.base_url, "huge")
    with pytest.raises(ModelRejected, match=r"\(404\).*huge"):
        await other.scores(QUESTION, ["a text"], context=Context())
    await other.close()
