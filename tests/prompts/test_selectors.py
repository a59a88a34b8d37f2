from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from few_shot_files import prompt_file, row
from ragstone.caching.embeddings import CachedEmbedder
from ragstone.errors import EmbedderError, UsageError
from ragstone.prompts.builder import build
from ragstone.prompts.examples import Example, ExampleSet
from ragstone.prompts.selectors import CHARACTERS, beginning, chosen, compared, marginal
from ragstone.protocols import Embedder
from ragstone.testing import HashingEmbedder, MemoryCache
from ragstone.types import Context


class Letters(Embedder):
    """A text's vector is how often it holds a, b and c."""

    fingerprint, dimensions, window = "letters", 3, 10**6

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def embed(
        self, texts: Sequence[str], *, context: Context, ids: Sequence[Sequence[int]] | None = None
    ) -> np.ndarray:
        self.asked += texts
        counts = np.array([[text.count(letter) for letter in "abc"] for text in texts], np.float32).reshape(-1, 3)
        return counts / np.linalg.norm(counts, axis=1, keepdims=True)


def examples(*texts: str, select: str = "fixed", k: int = 2, seed: int = 0) -> ExampleSet:
    rows = tuple(Example(id=text, inputs={"question": text}, output="x") for text in texts)
    return ExampleSet(file="examples/x.jsonl", examples=rows, k=k, select=select, seed=seed, digest="")  # type: ignore[arg-type]


def ids(found: Sequence[Example]) -> list[str]:
    return [example.id for example in found]


def test_fixed_takes_the_first_rows() -> None:
    assert ids(chosen(examples("d", "a", "c"))) == ["d", "a"]


@given(seed=st.integers(-5, 5), count=st.integers(1, 20), k=st.integers(1, 20))
def test_random_draws_once_by_its_seed(seed: int, count: int, k: int) -> None:
    rows = examples(*map(str, range(count)), select="random", k=k, seed=seed)
    found = ids(chosen(rows))
    assert found == ids(chosen(rows))
    assert len(found) == len(set(found)) == min(k, count)
    everything = ids(chosen(examples(*map(str, range(count)), select="random", k=count, seed=seed)))
    fewer = ids(chosen(examples(*map(str, range(count - 1)), select="random", k=count, seed=seed)))
    assert [
        name for name in everything if name != str(count - 1)
    ] == fewer  # a new row leaves the others in their order


def test_another_seed_draws_others() -> None:
    drawn = {tuple(ids(chosen(examples(*"abcdefgh", select="random", seed=seed)))) for seed in range(20)}
    assert len(drawn) > 10


async def test_similar_takes_the_nearest_best_first() -> None:
    rows = examples("ccc", "ab", "aab", "aaa", select="similar", k=3)
    found = await compared(rows, {"question": "aaaaab"}, embedder=Letters(), context=Context())
    assert ids(found) == ["aaa", "aab", "ab"]


async def test_mmr_takes_one_of_several_alike() -> None:
    rows = examples("aab", "aabaab", "b", select="mmr", k=2)
    found = await compared(rows, {"question": "aabb"}, embedder=Letters(), context=Context())
    assert ids(found) == ["aab", "b"]
    alike = examples("aab", "aabaab", "b", select="similar", k=2)
    assert ids(await compared(alike, {"question": "aabb"}, embedder=Letters(), context=Context())) == ["aab", "aabaab"]


async def test_the_rows_are_embedded_once() -> None:
    inner = Letters()
    embedder = CachedEmbedder(inner, MemoryCache())
    rows = examples("a", "b", "c", select="similar")
    for question in ("ab", "bc"):
        await compared(rows, {"question": question}, embedder=embedder, context=Context())
    assert sorted(inner.asked) == ["a", "ab", "b", "bc", "c"]
    await embedder.close()


async def test_a_question_without_words_cannot_be_compared() -> None:
    with pytest.raises(UsageError, match="there is nothing to compare the examples with"):
        await compared(examples("a", select="similar"), {"question": " "}, embedder=Letters(), context=Context())


async def test_a_text_of_any_length_can_be_compared() -> None:
    embedder = HashingEmbedder()
    rows = examples("a " * 100_000, "b " * 100_000, select="similar", k=1)
    found = await compared(rows, {"question": "b " * 50_000}, embedder=embedder, context=Context())
    assert ids(found) == ["b " * 100_000]
    assert beginning("x" * 10_000, Letters()) == "x" * CHARACTERS


def test_an_embedder_that_cannot_tokenise_says_so() -> None:
    with pytest.raises(EmbedderError):
        Letters().tokens("x")


@given(data=st.data(), count=st.integers(1, 12), k=st.integers(1, 15))
def test_mmr_chooses_each_row_once_and_the_nearest_first(data: st.DataObject, count: int, k: int) -> None:
    angles = data.draw(st.lists(st.floats(0, 3), min_size=count, max_size=count))
    rows = np.array([[np.cos(angle), np.sin(angle)] for angle in angles], np.float32)
    vector = np.array([1, 0], np.float32)
    found = marginal(rows, vector, k=k)
    assert len(found) == len(set(found)) == min(k, count)
    assert rows[found[0]] @ vector == (rows @ vector).max()
    assert found == marginal(rows, vector, k=count)[:k]
    plain = marginal(rows, vector, k=k, weight=0.0)
    assert [float(rows[place] @ vector) for place in plain] == sorted((rows @ vector).tolist(), reverse=True)[:k]


# ── In a prompt ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_compares_needs_an_embedder(tmp_path: Path) -> None:
    file = prompt_file(tmp_path, row("A?"), layer="k: 1, select: similar")
    with pytest.raises(UsageError, match=r"prompt 'test': `select: similar` needs an embedder. Write `select: fixed`"):
        build(file, {"question": "B?"}, hits=[])
    assert file.few_shot is not None
    prompt = build(file, {"question": "B?"}, hits=[], examples=file.few_shot.examples)
    assert prompt.messages[1].content.endswith("A?")


def test_length_takes_what_the_rest_leaves_room_for(tmp_path: Path) -> None:
    rows = "\n".join([row("long " * 50), row("short?"), row("other?"), row("third?")])
    shown = {}
    for total in (40, 52, 85, 400):
        file = prompt_file(tmp_path, rows, layer="k: 2, select: length", own=f"budget: {{total: {total}}}")
        prompt = build(file, {"question": "B?"}, hits=[])
        shown[total] = [slot.text.split()[1] for slot in prompt.slots if slot.name == "examples"]
        assert prompt.tokens <= total
        assert prompt.shed == ()
    assert shown == {40: [], 52: ["short?"], 85: ["short?", "other?"], 400: ["long", "short?"]}
