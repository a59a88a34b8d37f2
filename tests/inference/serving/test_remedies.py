from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_files import QWEN_8B, decoder, write_model
from ragstone.inference.serving.config import read_config
from ragstone.inference.serving.gpus import GPUS, find_gpu
from ragstone.inference.serving.memory import Load, plan
from ragstone.inference.serving.quantization import METHODS
from ragstone.inference.serving.remedies import Remedy, remedies
from ragstone.inference.serving.shape import Layers, Shape
from ragstone.inference.serving.speculation import find_speculation
from ragstone.inference.serving.weights import Weights, stated_weights


def with_change(load: Load, one: Remedy) -> Load:
    """What a person would ask for who took the advice."""
    option, _, value = one.change.partition(" ")
    match option:
        case "--concurrency":
            return replace(load, concurrency=int(value))
        case "--context":
            return replace(load, context=int(value))
        case "--kv-cache":
            return replace(load, kv_cache=value)
        case "--quantization":
            return replace(load, method=METHODS[value])
        case "--gpus":
            return replace(load, gpus=int(value))
        case "--gpu":
            return replace(load, gpu=GPUS[value])
        case _:
            return replace(load, speculation=None)


@settings(max_examples=100, deadline=None)
@given(
    billions=st.integers(1, 200),
    layers=st.integers(8, 80),
    context=st.integers(256, 131072),
    concurrency=st.integers(1, 256),
    gpu=st.sampled_from([*GPUS.values(), find_gpu("24GiB")]),
)
def test_what_is_advised_does_what_is_said(billions: int, layers: int, context: int, concurrency: int, gpu) -> None:
    kinds = [Layers(count=layers, heads=8, width=256)]
    shape = Shape(name="x", layers=kinds, heads=32, hidden=4096, inner=14336, vocabulary=128000, limit=131072)
    weights = stated_weights(billions * 10**9, shape)
    load = Load(shape=shape, weights=weights, gpu=gpu, context=context, concurrency=concurrency)
    found = plan(load)
    advice = remedies(found)
    assert found.fits == (advice == [])
    for one in advice:
        after = plan(with_change(load, one))
        assert (after.fits, after.concurrency) == (one.enough, one.concurrency)


def test_what_asks_less_comes_first_and_what_costs_money_last(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model", QWEN_8B, decoder({**QWEN_8B, "num_hidden_layers": 1}))
    shape = read_config(folder)
    spoken = find_speculation(f"draft:{folder}", shape)
    load = Load(
        shape=shape,
        weights=stated_weights(8 * 10**9, shape),
        gpu=GPUS["l40s"],
        context=32768,
        concurrency=8,
        speculation=spoken,
    )
    changes = [re.sub(r"\d+$", "N", one.change) for one in remedies(plan(load))]
    assert changes == [
        *("--concurrency N", "--context N", "--kv-cache fpN", "no --speculative"),
        *("--quantization fpN", "--quantization intN", "--gpus N", "--gpu hN"),
    ]


def test_weights_of_8_bits_may_become_of_4_and_no_fewer() -> None:
    shape = Shape(name="x", layers=[Layers(count=8, heads=8, width=256)], heads=8, hidden=64, inner=64, vocabulary=9)
    load = Load(shape=shape, weights=stated_weights(10**11, shape), gpu=GPUS["l4"], context=1024, concurrency=1)
    advised = {
        name: [
            one.change for one in remedies(plan(replace(load, method=METHODS[name]))) if "quantization" in one.change
        ]
        for name in ("fp8", "int4")
    }
    assert advised == {"fp8": ["--quantization int4"], "int4": []}


def test_weights_in_fewer_bits_already_are_not_quantised_again() -> None:
    shape = Shape(
        name="x",
        layers=[Layers(count=8, heads=8, width=256)],
        heads=8,
        hidden=64,
        inner=64,
        vocabulary=9,
        quantized="awq",
    )
    weights = Weights(stored={}, matrices=0, rest=0, packed=10**11)
    found = plan(Load(shape=shape, weights=weights, gpu=GPUS["l4"], context=1024, concurrency=1))
    assert not any("quantization" in one.change for one in remedies(found))


@pytest.mark.parametrize(
    ("name", "found"), [("H200", "H200"), ("nvidia l4", "L4"), ("A100", "A100 80GB"), ("24gib", "GPU of 24 GiB")]
)
def test_a_gpu_is_found_by_the_names_that_people_use(name: str, found: str) -> None:
    assert find_gpu(name).name == found


@pytest.mark.parametrize(
    ("name", "gib"), [("h100", 79.11), ("h200", 139.8), ("l40s", 44.42), ("rtx5090", 31.37), ("rtx3090", 23.58)]
)
def test_a_program_gets_what_was_seen_of_a_gpu(name: str, gib: float) -> None:
    """What torch reported of them (vllm#27508, #14452 and others), and never more than that."""
    assert gib - 0.3 <= GPUS[name].memory / 1024**3 <= gib + 0.01
