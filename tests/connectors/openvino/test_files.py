"""A model's files as they should not be, and what is kept of it between runs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from bert_in_numpy import Reference, change, read, save, unit
from ragstone.connectors.openvino import OpenVINOEmbedder, graph
from ragstone.connectors.openvino.cache import Cache
from ragstone.connectors.openvino.safetensors import read_tensors
from ragstone.errors import EmbedderError
from ragstone.types import Context

CONTEXT = Context()


def made(folder: Path) -> OpenVINOEmbedder:
    return OpenVINOEmbedder(path=folder, cache=folder.parent / "cache")


@given(
    numbers=arrays(np.float32, array_shapes(max_dims=3), elements=st.floats(-1e4, 1e4, width=16)),
    kind=st.sampled_from(["F32", "F16", "BF16"]),
)
def test_tensors_are_read_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, numbers: Any, kind: str
) -> None:
    if kind == "BF16":  # what bfloat16 can hold: the upper half of a float32
        numbers = (numbers.view(np.uint32) & 0xFFFF0000).view(np.float32)
    halves = (numbers.view(np.uint32) >> 16).astype(np.uint16)
    data = {"F32": numbers, "F16": numbers.astype(np.float16), "BF16": halves}[kind].tobytes()
    entry = {"dtype": kind, "shape": numbers.shape, "data_offsets": [0, len(data)]}
    header = json.dumps({"__metadata__": {"format": "pt"}, "x": entry}).encode()
    path = tmp_path_factory.mktemp("tensors") / "model.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + data)
    (found,) = read_tensors(path).values()
    assert found.dtype == np.float32
    assert np.array_equal(found, numbers)


async def test_a_tiny_network_agrees_with_the_second_runtime_under_either_pooling(tiny: Path) -> None:
    ids = [101, 2054, 2003, 102]
    states = Reference(tiny).states(ids)
    mean = await made(tiny).embed([""], ids=[ids[1:-1]], context=CONTEXT)
    assert mean[0] @ unit(states.mean(0)) >= 0.9995
    change(tiny / "1_Pooling" / "config.json", {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False})
    first = await made(tiny).embed([""], ids=[ids[1:-1]], context=CONTEXT)
    assert first[0] @ unit(states[0]) >= 0.9995
    assert mean[0] @ first[0] < 0.999


async def test_weights_that_are_cut_short_are_refused_by_name(tiny: Path) -> None:
    path = tiny / "model.safetensors"
    whole = path.read_bytes()
    headers = (
        b"[]",
        b'{"x": 5}',
        b'{"x": {"dtype": "F32"}}',
        b'{"x": {"dtype": "F32", "shape": [1], "data_offsets": [4]}}',
    )
    odd = [len(header).to_bytes(8, "little") + header + whole for header in headers]
    for wrong in (b"", whole[:4], whole[:200], whole[:-1], b"\xff" * 64, *odd):
        path.write_bytes(wrong)
        with pytest.raises(EmbedderError, match=r"model\.safetensors: the weights cannot be read"):
            await made(tiny).embed(["a"], context=CONTEXT)


async def test_weights_of_another_network_are_refused(tiny: Path) -> None:
    tensors = read(tiny / "model.safetensors")
    lacking = {name: tensor for name, tensor in tensors.items() if "output.dense.bias" not in name}
    save(tiny / "model.safetensors", lacking)
    with pytest.raises(EmbedderError, match=r"lack the tensor encoder\.layer\.0\.attention\.output\.dense\.bias"):
        await made(tiny).embed(["a"], context=CONTEXT)
    save(tiny / "model.safetensors", {**tensors, "encoder.layer.0.output.dense.weight": np.ones((8, 5), np.float32)})
    with pytest.raises(EmbedderError, match="OpenVINO cannot run the network"):
        await made(tiny).embed(["a"], context=CONTEXT)
    save(tiny / "model.safetensors", {**tensors, "embeddings.word_embeddings.weight": np.ones((9, 8), np.float32)})
    with pytest.raises(EmbedderError, match=r"expected word embeddings of shape \[30522, 8\], found \[9, 8\]"):
        await made(tiny).embed(["a"], context=CONTEXT)


@pytest.mark.parametrize(
    ("file", "keys", "message"),
    [
        (
            "config.json",
            {"model_type": "mpnet"},
            r"cannot run model_type 'mpnet': expected 'bert'.*sentence-transformers",
        ),
        ("config.json", {"hidden_act": "relu"}, "cannot run hidden_act 'relu'"),
        ("config.json", {"position_embedding_type": "relative_key"}, "position_embedding_type"),
        ("config.json", {"num_hidden_layers": "six"}, "num_hidden_layers is wrong: expected a positive number"),
        ("sentence_bert_config.json", {"max_seq_length": "long"}, "max_seq_length is wrong"),
        (
            "1_Pooling/config.json",
            {"pooling_mode_max_tokens": True},
            "expected mean or cls alone, found pooling_mode_max",
        ),
    ],
)
def test_a_network_that_it_cannot_run_is_refused(tiny: Path, file: str, keys: dict[str, Any], message: str) -> None:
    change(tiny / file, keys)
    with pytest.raises(EmbedderError, match=message):
        _ = made(tiny).window


def test_a_step_after_pooling_is_refused(tiny: Path) -> None:
    (tiny / "modules.json").write_text(json.dumps([{"type": "sentence_transformers.models.Dense"}]))
    with pytest.raises(EmbedderError, match="no Dense layer"):
        _ = made(tiny).dimensions


@pytest.mark.parametrize("file", ["config.json", "modules.json", "tokenizer.json", "sentence_bert_config.json"])
async def test_a_file_that_is_no_json_is_refused_by_name(tiny: Path, file: str) -> None:
    (tiny / file).write_text("{")
    with pytest.raises(EmbedderError, match=file):
        await made(tiny).load()


def test_the_window_is_that_of_sentence_transformers_where_it_says_one(tiny: Path) -> None:
    assert made(tiny).window == 512
    change(tiny / "sentence_bert_config.json", {"max_seq_length": None})
    assert made(tiny).window == 512
    change(tiny / "sentence_bert_config.json", {"max_seq_length": 128})
    assert made(tiny).window == 128


def test_the_fingerprint_is_of_the_model_and_not_of_its_place(tiny: Path, tmp_path: Path) -> None:
    first = made(tiny).fingerprint
    moved = tiny.rename(tmp_path / "elsewhere")
    assert OpenVINOEmbedder(path=moved, cache=tmp_path / "another", threads=1).fingerprint == first
    seen = {first}
    weights = read(moved / "model.safetensors")
    for path, keys in (
        (moved / "1_Pooling" / "config.json", {"pooling_mode_cls_token": True}),
        (moved / "sentence_bert_config.json", {"max_seq_length": 128}),
        (moved / "tokenizer.json", {"version": "1.0 "}),
        (moved / "config.json", {"num_attention_heads": 4}),
    ):
        change(path, keys)
        seen.add(made(moved).fingerprint)
    save(moved / "model.safetensors", {**weights, "x": np.zeros(1, np.float32)})
    seen.add(made(moved).fingerprint)
    assert len(seen) == 6


async def test_a_network_is_compiled_once(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await made(tiny).embed(["a"], context=CONTEXT)
    monkeypatch.delattr(graph, "build")
    assert np.allclose(await made(tiny).embed(["a"], context=CONTEXT), first)


@pytest.mark.parametrize("size", [0, 10, 1000, -1000])
async def test_a_kept_network_that_is_not_whole_is_made_again(
    tiny: Path, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await made(tiny).embed(["a"], context=CONTEXT)
    (blob,) = (tiny.parent / "cache").glob("*.blob")
    blob.write_bytes(blob.read_bytes()[:size])
    assert np.allclose(await made(tiny).embed(["a"], context=CONTEXT), first)
    monkeypatch.delattr(graph, "build")
    assert np.allclose(await made(tiny).embed(["a"], context=CONTEXT), first)


async def test_a_cache_that_cannot_be_written_fails_nothing(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    embedder = OpenVINOEmbedder(path=tiny, cache=tmp_path / "file" / "cache")
    assert (await embedder.embed(["a"], context=CONTEXT)).shape == (1, 8)


def test_what_breaks_off_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    Cache(tmp_path).keep("network.blob", b"bytes")
    assert list(tmp_path.iterdir()) == []
