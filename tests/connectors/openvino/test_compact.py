"""Vectors and compact rows in one pass, and the projection that makes rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ragstone.compact import SCALE, WIDTH, Projection
from ragstone.connectors.openvino import OpenVINOEmbedder
from ragstone.connectors.openvino import embedder as module
from ragstone.connectors.openvino.runtime import Runtime
from ragstone.errors import EmbedderError, UsageError
from ragstone.types import Context

CONTEXT = Context()
TEXTS = ["", "How many moons does Jupiter have?", "Jupiter has 95 moons.", "moon " * 254, "你好 👩‍🚀", "x"]


@pytest.fixture(scope="module")
def by(embedder: OpenVINOEmbedder) -> Projection:
    """A projection fitted on a few words."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "FITTED", 2_000)
        return embedder._fitted()


def cosines(rows: Any, others: Any) -> Any:
    return (rows.astype(np.float32) * others.astype(np.float32)).sum(axis=1) / SCALE**2


async def test_one_pass_gives_what_two_would(embedder: OpenVINOEmbedder, by: Projection) -> None:
    vectors, rows = await embedder.embed_compact(TEXTS, by=by, context=CONTEXT)
    assert np.allclose(vectors, await embedder.embed(TEXTS, context=CONTEXT), atol=1e-6)
    whole = await embedder.embed_tokens(TEXTS, context=CONTEXT)
    for text, own, tokens in zip(TEXTS, rows, whole, strict=True):
        assert own.shape == (len(embedder.tokens(text)[0]), WIDTH), text
        assert (np.abs(own.astype(int) - by.rows(tokens)) <= 1).all(), text  # rounded the other way at most


async def test_the_network_runs_once(
    embedder: OpenVINOEmbedder, by: Projection, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[int] = []
    original = Runtime._run

    def noted(self: Runtime, rows: Any, keep: Any) -> None:
        runs.append(len(rows))
        original(self, rows, keep)

    monkeypatch.setattr(Runtime, "_run", noted)
    await embedder.embed_compact(TEXTS, by=by, context=CONTEXT)
    await embedder.embed_query_compact(TEXTS[1], by=by, context=CONTEXT)
    assert runs == [len(TEXTS), 1]


async def test_known_token_ids_change_nothing(embedder: OpenVINOEmbedder, by: Projection) -> None:
    ids = [embedder.tokens(text)[0] for text in TEXTS]
    vectors, rows = await embedder.embed_compact(TEXTS, by=by, context=CONTEXT)
    same, own = await embedder.embed_compact(TEXTS, by=by, context=CONTEXT, ids=ids)
    assert np.allclose(vectors, same, atol=1e-6)
    assert all(np.array_equal(one, other) for one, other in zip(rows, own, strict=True))
    with pytest.raises(UsageError, match="every text needs its ids"):
        await embedder.embed_compact(TEXTS, by=by, context=CONTEXT, ids=ids[:2])


async def test_a_text_longer_than_the_window_is_refused(embedder: OpenVINOEmbedder, by: Projection) -> None:
    with pytest.raises(EmbedderError, match="text 1 is longer"):
        await embedder.embed_compact(["short", "long " * 255], by=by, context=CONTEXT)


async def test_nothing_to_embed_is_no_error(embedder: OpenVINOEmbedder, by: Projection) -> None:
    vectors, rows = await embedder.embed_compact([], by=by, context=CONTEXT)
    assert vectors.shape == (0, 384)
    assert list(rows) == []


@pytest.mark.parametrize("question", ["", "How many moons does Jupiter have?", "moon " * 254 + "jupiter " * 300])
async def test_a_question_has_a_row_for_each_of_its_tokens(
    embedder: OpenVINOEmbedder, by: Projection, question: str
) -> None:
    vector, rows = await embedder.embed_query_compact(question, by=by, context=CONTEXT)
    assert np.allclose(vector, await embedder.embed_query(question, context=CONTEXT), atol=1e-6)
    assert rows.shape == (len(embedder.tokens(question)[0]), WIDTH)
    if len(question) > 1000:  # read in pieces, each as if it were alone
        _, (first, *_) = await embedder.embed_compact(["moon " * 254], by=by, context=CONTEXT)
        assert cosines(rows[:254], first).min() > 0.98


async def test_words_that_mean_alike_stay_near_each_other(embedder: OpenVINOEmbedder, by: Projection) -> None:
    texts = ["The cat slept.", "A feline slept.", "The tax slept."]
    _, rows = await embedder.embed_compact(texts, by=by, context=CONTEXT)
    cat, feline, tax = (own[1:2] for own in rows)
    assert cosines(cat, feline)[0] > cosines(cat, tax)[0] + 0.1


async def test_a_projection_is_the_same_whoever_fits_it(
    embedder: OpenVINOEmbedder, by: Projection, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FITTED", 2_000)
    other = OpenVINOEmbedder(cache=kept, threads=1)
    again = await other.projection()
    assert (again.mean.shape, again.basis.shape) == ((384,), (384, WIDTH))
    _, rows = await embedder.embed_compact(TEXTS, by=by, context=CONTEXT)
    _, theirs = await other.embed_compact(TEXTS, by=again, context=CONTEXT)
    for one, own in zip(rows, theirs, strict=True):
        assert cosines(one, own).min(initial=1.0) > 0.98
    await other.close()
