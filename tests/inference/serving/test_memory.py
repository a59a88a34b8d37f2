from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_files import (
    DEEPSEEK_V3,
    GEMMA_27B,
    LLAMA_8B,
    LLAMA_405B,
    QWEN_8B,
    QWEN_72B,
    QWEN_NEXT,
    decoder,
    write_model,
)
from ragstone.errors import UsageError
from ragstone.inference.serving.config import read_config
from ragstone.inference.serving.gpus import GPUS, find_gpu
from ragstone.inference.serving.memory import Load, cache_bytes, plan
from ragstone.inference.serving.quantization import METHODS
from ragstone.inference.serving.shape import Layers, Shape
from ragstone.inference.serving.speculation import find_speculation
from ragstone.inference.serving.weights import Weights, read_weights, stated_weights

GIB = 1024**3


def a_load(tmp_path: Path, config: dict[str, Any], **changes: Any) -> Load:
    shape = read_config(write_model(tmp_path / "model", config, {}))
    given = {"gpu": GPUS["h100"], "context": 32768, "concurrency": 4, **changes}
    return Load(shape=shape, weights=stated_weights(10**9, shape), **given)


# Llama 3.1 8B: 128 KiB a token, as vLLM's own logs have it (1 GiB for 8,192). DeepSeek-V3, Qwen2.5 72B and Llama 3.1
# 405B: table 1 of "Insights into DeepSeek-V3" (arXiv 2505.09343), in thousands of bytes, all of them in bf16.
@pytest.mark.parametrize(
    ("config", "size"),
    [
        pytest.param(LLAMA_8B, 128 * 1024, id="llama 8b"),
        pytest.param(QWEN_8B, 144 * 1024, id="qwen 8b"),
        pytest.param(DEEPSEEK_V3, 70_272, id="deepseek v3"),
        pytest.param(QWEN_72B, 327_680, id="qwen 72b"),
        pytest.param(LLAMA_405B, 516_096, id="llama 405b"),
    ],
)
def test_a_token_takes_what_was_published(tmp_path: Path, config: dict[str, Any], size: int) -> None:
    load = a_load(tmp_path, config)
    assert cache_bytes(load, 4096) / 4096 == size
    assert cache_bytes(replace(load, kv_cache="fp8"), 4096) / 4096 == size / 2


def test_llama_8b_takes_of_an_h100_what_vllm_measured(tmp_path: Path) -> None:
    """vllm#10511: 14.96 GiB of weights, 1.26 of activations, and 53.29 left for the cache with 0.9 of 79.22 GiB."""
    config = {**LLAMA_8B, "max_position_embeddings": 8192}
    folder = write_model(tmp_path / "llama", config, decoder(config))
    shape = read_config(folder)
    weights = read_weights(folder, shape)
    assert weights is not None
    gpu = replace(GPUS["h100"], memory=int(79.22 * GIB))
    found = plan(Load(shape=shape, weights=weights, gpu=gpu, context=8192, concurrency=256, utilization=0.9))
    assert weights.parameters == 8_030_261_248  # of the model's card
    assert found.weights / GIB == pytest.approx(14.96, abs=0.005)
    assert found.activations / GIB == pytest.approx(1.26, abs=0.02)
    assert found.room / GIB == pytest.approx(53.29, rel=0.02)


def test_heads_of_keys_that_are_fewer_than_the_gpus_are_on_several(tmp_path: Path) -> None:
    config = {**QWEN_8B, "num_key_value_heads": 2}
    one = cache_bytes(a_load(tmp_path, config), 1024)
    assert cache_bytes(a_load(tmp_path, config, gpus=2), 1024) == one / 2
    assert cache_bytes(a_load(tmp_path, config, gpus=8), 1024) == one / 2


def test_a_latent_is_on_every_gpu(tmp_path: Path) -> None:
    one = cache_bytes(a_load(tmp_path, DEEPSEEK_V3), 1024)
    assert cache_bytes(a_load(tmp_path, DEEPSEEK_V3, gpus=8), 1024) == one


def test_a_window_keeps_no_more_than_it_sees_and_a_step_reads(tmp_path: Path) -> None:
    """62 layers, every sixth of which sees everything: 52 with a window, kept as 60 in groups of 10."""
    load = a_load(tmp_path, GEMMA_27B)
    token = 2 * 16 * 128 * 2
    window = 1023 + load.batch + 16 + 1  # in whole blocks, and one more
    assert cache_bytes(load, 131072) == 10 * token * 131072 + 60 * token * window
    more = cache_bytes(load, 131072) - cache_bytes(load, 65536)
    assert more == 10 * token * 65536


def test_a_state_does_not_grow_with_the_context(tmp_path: Path) -> None:
    load = a_load(tmp_path, QWEN_NEXT)
    token, layers = 2 * 2 * 256 * 2, 12
    assert cache_bytes(load, 65536) - cache_bytes(load, 32768) == layers * token * 32768
    # 32 heads of 128 × 128, and the last 3 inputs of 8,192 channels; twice, in 16 bits, in 36 layers.
    state = 36 * 2 * 2 * (32 * 128 * 128 + 3 * (2 * 16 * 128 + 32 * 128))
    assert cache_bytes(load, 32768) == layers * token * 32768 + state


def test_all_experts_lie_in_memory(tmp_path: Path) -> None:
    load = a_load(tmp_path, DEEPSEEK_V3)
    assert load.shape.experts == 256
    assert load.shape.inner == 8 * 2048 + 2048  # of which a token passes only these


@pytest.mark.parametrize(
    ("gpus", "found"),
    [(0, "1 to 8"), (9, "1 to 8"), (3, "one of 1, 2, 4, 8"), (5, "one of 1, 2, 4, 8")],
)
def test_heads_that_cannot_be_shared_out_are_said(tmp_path: Path, gpus: int, found: str) -> None:
    with pytest.raises(UsageError, match=found):
        plan(a_load(tmp_path, QWEN_8B, gpus=gpus))


def test_a_draft_is_shared_out_as_its_model_is(tmp_path: Path) -> None:
    other = {**QWEN_8B, "num_attention_heads": 14, "num_key_value_heads": 2, "num_hidden_layers": 1}
    folder = write_model(tmp_path / "draft", other, decoder(other))
    load = a_load(tmp_path, QWEN_8B, gpus=4)
    with pytest.raises(UsageError, match="the 14 heads of draft cannot be shared out among 4 GPUs"):
        plan(replace(load, speculation=find_speculation(f"draft:{folder}", load.shape)))


def test_a_context_beyond_the_models_own_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"at most 40,960 tokens, found 65,536.*YaRN"):
        plan(a_load(tmp_path, QWEN_8B, context=65536))


def test_a_model_that_does_not_fit_by_itself_leaves_no_room(tmp_path: Path) -> None:
    load = a_load(tmp_path, QWEN_8B, gpu=find_gpu("8GiB"))
    found = plan(replace(load, weights=stated_weights(8 * 10**9, load.shape)))
    assert not found.fits
    assert found.room < 0
    assert (found.concurrency, found.context) == (0, 0)


def test_quantised_matrices_shrink_and_embeddings_do_not(tmp_path: Path) -> None:
    load = a_load(tmp_path, QWEN_8B)
    weights = stated_weights(8_190_735_360, load.shape)
    embeddings = 2 * 151936 * 4096
    assert weights.bytes("float32") == 4 * 8_190_735_360
    assert weights.bytes("bfloat16") == 2 * 8_190_735_360
    assert weights.bytes("bfloat16", METHODS["fp8"].bytes) == 8_190_735_360 + embeddings
    four = weights.bytes("bfloat16", METHODS["int4"].bytes)
    assert four == pytest.approx(0.52 * (8_190_735_360 - embeddings) + 2 * embeddings, rel=0.001)


@settings(max_examples=150, deadline=None)
@given(
    layers=st.integers(1, 64),
    windowed=st.integers(0, 64),
    heads=st.sampled_from([1, 2, 4, 8]),
    gpus=st.sampled_from([1, 2, 4, 8]),
    context=st.integers(16, 131072),
    concurrency=st.integers(1, 256),
    memory=st.integers(4, 200),
)
def test_what_is_said_to_fit_does_and_one_more_does_not(
    layers: int, windowed: int, heads: int, gpus: int, context: int, concurrency: int, memory: int
) -> None:
    kinds = [Layers(count=layers, heads=heads, width=256)]
    kinds += [Layers(count=windowed, kind="sliding", heads=heads, width=256, window=1024)] if windowed else []
    shape = Shape(name="x", layers=kinds, heads=8, hidden=1024, inner=4096, vocabulary=32000, limit=262144)
    weights = Weights(stored={}, matrices=10**9, rest=0)
    gpu = find_gpu(f"{memory}GiB")
    load = Load(shape=shape, weights=weights, gpu=gpu, gpus=gpus, context=context, concurrency=concurrency)
    found = plan(load)
    assert found.fits == (found.fixed + found.cache <= found.budget)
    assert found.fits == (found.concurrency >= concurrency)
    if found.room > 0:
        assert found.request * found.concurrency <= found.room < found.request * (found.concurrency + 1)
        if found.context:  # layers that slide keep their window and a batch, however short the context
            assert cache_bytes(load, found.context) * concurrency <= found.room
        longer = found.context + 16
        assert longer > shape.limit or cache_bytes(load, longer) * concurrency > found.room
