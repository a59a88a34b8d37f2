"""The default embedder with its real weights, held against a second runtime."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bert_in_numpy import Reference, unit
from ragstone.connectors.openvino import OpenVINOEmbedder, runtime
from ragstone.connectors.openvino.cache import Cache
from ragstone.connectors.openvino.tokenizer import Tokenizer
from ragstone.errors import EmbedderError, UsageError
from ragstone.types import Context

CONTEXT = Context()
TEXTS = [
    "",
    "How many moons does Jupiter have?",
    "Jupiter has 95 moons that the International Astronomical Union recognises.",
    "The cat sat on the mat.",
    "A feline rested upon a rug.",
    "def embed(self, texts): return await asyncio.to_thread(self._pooled, texts)",
    "你好，世界。木星有多少颗卫星？",
    "木星にはいくつの衛星がありますか。",
    "목성에는 위성이 몇 개 있습니까?",
    "Πόσα φεγγάρια έχει ο Δίας;",
    "Сколько спутников у Юпитера?",
    "बृहस्पति के कितने चंद्रमा हैं?",
    "كم عدد أقمار المشتري؟",
    "כמה ירחים יש לצדק?",
    "ดาวพฤหัสบดีมีดวงจันทร์กี่ดวง",
    "Wie viele Monde hat der Jupiter, größer als Österreich?",
    "Combien de lunes possède Jupiter ? Çà et là, œuvre naïve.",
    "🪐🌕 emoji 👩‍🚀 only",
    "1,234.56 kg ± 7 % of x² + y³ = z⁴",
    "word " * 250,
]


async def test_the_network_agrees_with_a_second_runtime(embedder: OpenVINOEmbedder, minilm: Path) -> None:
    reference, tokenizer = Reference(minilm), Tokenizer(minilm / "tokenizer.json")
    pooled = await embedder.embed(TEXTS, context=CONTEXT)
    tokens = await embedder.embed_tokens(TEXTS, context=CONTEXT)
    for text, vector, states, ids in zip(TEXTS, pooled, tokens, tokenizer.encode(TEXTS), strict=True):
        expected = reference.states([tokenizer.first, *ids, tokenizer.last])
        assert vector @ unit(expected.mean(0)) >= 0.9999, text
        assert states.shape == (len(ids), 384)
        assert ((states * unit(expected[1:-1])).sum(1) >= 0.999).all(), text


async def test_vectors_are_float32_of_length_one(embedder: OpenVINOEmbedder) -> None:
    vectors = await embedder.embed(TEXTS, context=CONTEXT)
    assert vectors.shape == (len(TEXTS), embedder.dimensions) == (len(TEXTS), 384)
    assert vectors.dtype == np.float32
    assert np.abs(np.linalg.norm(vectors, axis=1) - 1).max() < 1e-5
    for states in await embedder.embed_tokens(TEXTS, context=CONTEXT):
        assert states.dtype == np.float32
        assert np.allclose(np.linalg.norm(states, axis=1), 1, atol=1e-5)


async def test_meaning_is_near_and_the_query_is_in_the_same_space(embedder: OpenVINOEmbedder) -> None:
    passages = await embedder.embed(TEXTS[:6], context=CONTEXT)
    question = await embedder.embed_query(TEXTS[1], context=CONTEXT)
    assert question.shape == (384,)
    assert question @ passages[1] >= 0.9999
    assert int(np.argsort(passages @ question)[-2]) == 2
    assert passages[3] @ passages[4] > passages[3] @ passages[5]


async def test_nothing_to_embed_is_no_error(embedder: OpenVINOEmbedder) -> None:
    assert (await embedder.embed([], context=CONTEXT)).shape == (0, 384)
    assert await embedder.embed_tokens([], context=CONTEXT) == []
    assert (await embedder.embed_tokens([""], context=CONTEXT))[0].shape == (0, 384)


@settings(max_examples=15, deadline=None)
@given(order=st.lists(st.integers(0, len(TEXTS) - 1), min_size=1, max_size=40))
def test_order_is_kept_and_company_changes_no_vector(embedder: OpenVINOEmbedder, order: list[int]) -> None:
    alone = [asyncio.run(embedder.embed([TEXTS[index]], context=CONTEXT))[0] for index in set(order)]
    alone = dict(zip(set(order), alone, strict=True))
    together = asyncio.run(embedder.embed([TEXTS[index] for index in order], context=CONTEXT))
    for index, vector in zip(order, together, strict=True):
        assert vector @ alone[index] >= 0.9999, TEXTS[index]


async def test_ids_give_what_their_texts_give(embedder: OpenVINOEmbedder) -> None:
    ids = [embedder.tokens(text)[0] for text in TEXTS]
    by_text = await embedder.embed(TEXTS, context=CONTEXT)
    assert np.allclose(await embedder.embed(TEXTS, ids=ids, context=CONTEXT), by_text, atol=1e-6)


async def test_many_callers_at_once_get_their_own_vectors(embedder: OpenVINOEmbedder) -> None:
    parts = [TEXTS[start : start + 3] for start in range(0, len(TEXTS), 3)]
    found = await asyncio.gather(*(embedder.embed(part, context=CONTEXT) for part in parts))
    alone = [await embedder.embed(part, context=CONTEXT) for part in parts]
    for several, one in zip(found, alone, strict=True):
        assert np.allclose(several, one, atol=1e-6)


async def test_closing_twice_is_harmless_and_the_embedder_can_be_used_again(kept: Path) -> None:
    embedder = OpenVINOEmbedder(cache=kept)
    before = await embedder.embed(["once"], context=CONTEXT)
    await embedder.close()
    await embedder.close()
    assert np.allclose(await embedder.embed(["once"], context=CONTEXT), before)


async def test_nothing_heavy_runs_on_the_event_loops_thread(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: set[int] = set()

    def watched(owner: Any, name: str) -> None:
        original = getattr(owner, name)

        def noted(*args: Any, **kwargs: Any) -> Any:
            threads.add(threading.get_ident())
            return original(*args, **kwargs)

        monkeypatch.setattr(owner, name, noted)

    watched(Tokenizer, "encode")
    watched(Cache, "digest")
    for name in ("__init__", "pooled", "tokens"):
        watched(runtime.Runtime, name)
    embedder = OpenVINOEmbedder(cache=kept)
    await embedder.load()
    await embedder.embed(["a"], context=CONTEXT)
    await embedder.embed_query("b", context=CONTEXT)
    await embedder.embed_tokens(["c"], context=CONTEXT)
    assert threads
    assert threading.get_ident() not in threads


async def test_a_text_longer_than_the_window_raises_and_is_never_cut(embedder: OpenVINOEmbedder) -> None:
    assert embedder.window == 256
    await embedder.embed(["fits " * 254], context=CONTEXT)
    with pytest.raises(EmbedderError, match=r"text 1 .*at most 256 tokens, 2 special ones included, found 257"):
        await embedder.embed(["short", "long " * 255], context=CONTEXT)
    with pytest.raises(EmbedderError, match="text 0"):
        await embedder.embed_tokens(["long " * 255], context=CONTEXT)


async def test_several_questions_are_embedded_in_one_pass_each_as_it_is_alone(embedder: OpenVINOEmbedder) -> None:
    asked = ["Where did the cat sit?", "rates " * 600, "Who?"]
    together = await embedder.embed_queries(asked, context=CONTEXT)
    alone = [await embedder.embed_query(text, context=CONTEXT) for text in asked]
    assert all(one @ other > 0.999 for one, other in zip(together, alone, strict=True))


async def test_a_question_longer_than_the_window_is_averaged(embedder: OpenVINOEmbedder) -> None:
    pieces = ["moon " * 254, "jupiter " * 254, "cat " * 100]
    vectors = await embedder.embed(pieces, context=CONTEXT)
    expected = unit(254 * vectors[0] + 254 * vectors[1] + 100 * vectors[2])
    question = await embedder.embed_query(" ".join(pieces), context=CONTEXT)
    assert question @ expected >= 0.9999
    assert np.linalg.norm(question) == pytest.approx(1, abs=1e-5)
    assert np.linalg.norm(await embedder.embed_query("", context=CONTEXT)) == pytest.approx(1, abs=1e-5)


def test_tokens_give_the_range_of_characters_of_each(embedder: OpenVINOEmbedder) -> None:
    text = "Héllo wörld, 你好 👩‍🚀!"
    ids, ranges = embedder.tokens(text)
    assert len(ids) == len(ranges)
    assert [text[start:end] for start, end in ranges][:5] == ["Héllo", "wörld", ",", "你", "好"]
    assert len(embedder.tokens("word " * 1000)[0]) == 1000


async def test_half_a_character_is_taken_as_unreadable(embedder: OpenVINOEmbedder) -> None:
    ids, ranges = embedder.tokens("one \ud83d two")
    assert (ids, ranges) == (embedder.tokens("one \ufffd two")[0], [(0, 3), (6, 9)])
    assert (await embedder.embed(["one \ud83d two"], context=CONTEXT)).shape == (1, 384)


async def test_ids_that_cannot_be_right_are_refused(embedder: OpenVINOEmbedder) -> None:
    with pytest.raises(UsageError, match="every text needs its ids: expected 2, found 1"):
        await embedder.embed(["a", "b"], ids=[[1]], context=CONTEXT)
    for wrong in (30522, -1):
        with pytest.raises(EmbedderError, match="text 1 come from another tokenizer"):
            await embedder.embed(["a", "b"], ids=[[1], [wrong]], context=CONTEXT)


def test_threads_must_be_positive() -> None:
    with pytest.raises(UsageError, match="threads"):
        OpenVINOEmbedder(threads=0)


def test_it_opens_no_socket_and_leaves_nothing_in_the_home(tmp_path: Path, minilm: Path) -> None:
    program = """
import asyncio, sys
opened = []
sys.addaudithook(lambda event, args: opened.append(event) if event.startswith(("socket.", "subprocess.")) else None)
from ragstone.connectors.openvino import OpenVINOEmbedder
from ragstone.types import Context
embedder = OpenVINOEmbedder(download=False)
assert not {"numpy", "openvino", "tokenizers"} & set(sys.modules), "making the embedder costs an import"
asyncio.run(embedder.embed(["a"], context=Context()))
import openvino
assert openvino.Core and "openvino_telemetry" not in sys.modules
sys.exit(f"{opened}" if set(opened) - {"socket.__new__"} else 0)  # the event loop makes a pair of its own
"""
    home, cache = tmp_path / "home", tmp_path / "cache"
    home.mkdir()
    environment = {**os.environ, "HOME": str(home), "XDG_CACHE_HOME": str(cache), "CI": ""}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)
    assert list(home.iterdir()) == []
    assert list((cache / "ragstone" / "openvino").glob("*.blob"))


def test_bfloat16_is_used_where_the_processor_has_it() -> None:
    class Processor:
        def __init__(self, *capabilities: str) -> None:
            self.capabilities = list(capabilities)

        def get_property(self, device: str, name: str) -> list[str]:
            assert (device, name) == ("CPU", "OPTIMIZATION_CAPABILITIES")
            return self.capabilities

    assert runtime._precision(Processor("FP32", "BF16")) == "bf16"
    assert runtime._precision(Processor("FP32", "INT8")) == "f32"
