"""What is read of a model's folder, and what is wrong with one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from model_files import DEEPSEEK_V3, GEMMA_27B, LLAMA_8B, QWEN_8B, decoder, write_model, write_tensors
from ragstone.errors import UsageError
from ragstone.inference.serving.adapters import adapter_bytes, find_adapter
from ragstone.inference.serving.config import read_config
from ragstone.inference.serving.found import Figures, find_model
from ragstone.inference.serving.quantization import find_method, stored_method
from ragstone.inference.serving.speculation import find_speculation
from ragstone.inference.serving.weights import read_weights

SMALL = {**QWEN_8B, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "vocab_size": 100}


def shape_of(tmp_path: Path, config: dict[str, Any]):
    return read_config(write_model(tmp_path / "model", config, {}))


def kept(tmp_path: Path, config: dict[str, Any]) -> dict[str, int]:
    return {one.kind: one.count for one in shape_of(tmp_path, config).layers}


# ── config.json ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, {"full": 36}, id="none slides"),
        pytest.param({"sliding_window": 4096, "model_type": "mistral"}, {"sliding": 36}, id="mistral"),
        pytest.param({"sliding_window": 4096, "use_sliding_window": False}, {"full": 36}, id="switched off"),
        pytest.param(
            {"sliding_window": 4096, "use_sliding_window": True, "max_window_layers": 28},
            {"full": 28, "sliding": 8},
            id="qwen2",
        ),
        pytest.param({"sliding_window": 4096, "model_type": "gemma2"}, {"sliding": 18, "full": 18}, id="gemma 2"),
        pytest.param(
            {"layer_types": ["sliding_attention", "full_attention"] * 18, "sliding_window": 128},
            {"sliding": 18, "full": 18},
            id="gpt-oss",
        ),
        pytest.param(
            {"layer_types": ["full_attention"] * 36, "num_kv_shared_layers": 10}, {"full": 26}, id="shared caches"
        ),
        pytest.param(
            {
                "hybrid_override_pattern": "M-M*",
                "mamba_num_heads": 4,
                "mamba_head_dim": 8,
                "ssm_state_size": 16,
                "n_groups": 1,
                "conv_kernel": 4,
            },
            {"state": 2, "full": 1},
            id="nemotron-h",
        ),
        pytest.param(
            {"attn_layer_period": 8, "attn_layer_offset": 4, "mamba_d_state": 16, "mamba_d_conv": 4, "mamba_expand": 2},
            {"state": 32, "full": 4},
            id="jamba",
        ),
    ],
)
def test_each_layer_is_of_its_kind(tmp_path: Path, changes: dict[str, Any], expected: dict[str, int]) -> None:
    assert kept(tmp_path, {**QWEN_8B, **changes}) == expected


def test_a_model_that_sees_has_its_text_part_inside(tmp_path: Path) -> None:
    assert kept(tmp_path, GEMMA_27B) == {"full": 10, "sliding": 52}


@pytest.mark.parametrize(
    ("changes", "limit"),
    [
        pytest.param({}, 40960, id="none"),
        pytest.param(
            {"rope_scaling": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}},
            131072,
            id="yarn",
        ),
        pytest.param({"rope_scaling": {"type": "linear", "factor": 2}}, 81920, id="linear"),
        pytest.param({"rope_scaling": {"rope_type": "llama3", "factor": 8.0}}, 40960, id="counted already"),
    ],
)
def test_rope_scaling_lengthens_the_window_as_vllm_counts(tmp_path: Path, changes: dict[str, Any], limit: int) -> None:
    assert shape_of(tmp_path, {**QWEN_8B, **changes}).limit == limit


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"hidden_size": 64}, "does not say num_hidden_layers"),
        ({**QWEN_8B, "num_hidden_layers": "36"}, "expected a whole number from 1, found '36'"),
        ({**QWEN_8B, "vocab_size": -1}, "vocab_size is no figure"),
        ({**QWEN_8B, "layer_types": ["telepathy"]}, "a layer of kind 'telepathy'"),
        ({**DEEPSEEK_V3, "linear_attn_config": {}}, "not all of them alike"),
        ({**DEEPSEEK_V3, "index_topk": 2048}, "not all of them alike"),
        ({**QWEN_8B, "full_attention_interval": 4}, "how large the state"),
    ],
)  # fmt: skip
def test_a_config_that_says_too_little_is_refused(tmp_path: Path, config: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        shape_of(tmp_path, config)


@pytest.mark.parametrize("text", ["{", "[1]", '"x"', "\xff", "[" * 100_000])
def test_a_config_that_is_no_object_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError, match=r"config\.json: it is no JSON"):
        read_config(tmp_path)


# ── Weights ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_parameters_are_counted_by_the_headers(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "llama", LLAMA_8B, decoder(LLAMA_8B))
    weights = read_weights(folder, read_config(folder))
    assert weights is not None
    assert weights.parameters == 8_030_261_248
    assert weights.stored == {"BF16": 16_060_522_496}


def test_a_checkpoint_in_32_bits_is_served_in_16(tmp_path: Path) -> None:
    config = {**SMALL, "torch_dtype": "float32"}
    folder = write_model(tmp_path / "small", config, decoder(config, "F32"))
    weights = read_weights(folder, read_config(folder))
    assert weights is not None
    assert weights.bytes(read_config(folder).dtype) == sum(weights.stored.values()) / 2


def test_quantised_weights_take_what_is_stored(tmp_path: Path) -> None:
    config = {**SMALL, "quantization_config": {"quant_method": "awq", "bits": 4}}
    tensors = {
        "model.layers.0.mlp.up_proj.qweight": ("I32", [64, 16]),
        "model.layers.0.mlp.up_proj.scales": ("F16", [1, 128]),
        "lm_head.weight": ("BF16", [100, 64]),
    }
    folder = write_model(tmp_path / "small", config, tensors)
    weights = read_weights(folder, read_config(folder))
    assert weights is not None
    assert weights.bytes("bfloat16", 0.5) == 64 * 16 * 4 + 128 * 2 + 100 * 64 * 2


def test_layers_for_speculation_are_not_loaded(tmp_path: Path) -> None:
    tensors = {"model.layers.1.a.weight": ("BF16", [4, 4]), "model.layers.2.a.weight": ("BF16", [4, 4])}
    folder = write_model(tmp_path / "small", SMALL, {**tensors, "mtp.fc.weight": ("BF16", [4, 4])})
    weights = read_weights(folder, read_config(folder))
    assert weights is not None
    assert weights.parameters == 16


def test_the_same_weights_in_another_form_count_once(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "small", SMALL, {"a.weight": ("BF16", [4, 4])})
    write_tensors(folder / "consolidated.safetensors", {"a.weight": ("BF16", [4, 4])})
    weights = read_weights(folder, read_config(folder))
    assert weights is not None
    assert weights.parameters == 16


def test_an_index_alone_says_how_many_bytes_there_are(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "small", SMALL, {})
    index = {"metadata": {"total_size": 2_000_000}, "weight_map": {"a": "model-00001-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    weights = read_weights(folder, read_config(folder))
    assert weights is not None
    assert weights.bytes("bfloat16") == 2_000_000


def test_a_head_in_torchs_own_format_is_as_large_as_its_file(tmp_path: Path) -> None:
    nested = {"speculators_model_type": "eagle3", "transformer_layer_config": {**SMALL, "num_hidden_layers": 1}}
    folder = write_model(tmp_path / "head", nested, {})
    (folder / "pytorch_model.bin").write_bytes(bytes(1000))
    spoken = find_speculation(f"eagle3:{folder}", shape_of(tmp_path, SMALL))
    assert spoken is not None
    assert spoken.weights is not None
    assert spoken.weights.bytes("bfloat16") == 1000
    assert [one.count for one in spoken.shape.layers] == [1]


def test_a_download_that_was_cut_short_is_noticed(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "small", SMALL, {"a.weight": ("BF16", [64, 64])})
    path = folder / "model.safetensors"
    whole = path.read_bytes()
    for length in (3, 8, 40, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(UsageError, match="cut short"):
            read_weights(folder, read_config(folder))
    path.write_bytes(whole)
    index = {"weight_map": {"a": "model.safetensors", "b": "other.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(UsageError, match=r"other\.safetensors is not there"):
        read_weights(folder, read_config(folder))


# ── Which model ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_name_is_looked_up_in_the_cache_of_hugging_face(tmp_path: Path) -> None:
    kept = tmp_path / "hub" / "models--Qwen--Small"
    write_model(kept / "snapshots" / "abc", SMALL, {"a.weight": ("BF16", [4, 4])})
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text("abc")
    found = find_model("Qwen/Small", Figures(), environment={"HF_HOME": str(tmp_path)})
    assert (found.folder, found.shape.name, found.asked) == (kept / "snapshots" / "abc", "Small", "Qwen/Small")


def test_what_is_not_here_is_never_downloaded(tmp_path: Path) -> None:
    environment = {"HF_HOME": str(tmp_path)}
    with pytest.raises(UsageError, match=r"Nothing is downloaded here.*--params 8b"):
        find_model("Qwen/Qwen3-8B", Figures(), environment=environment)
    with pytest.raises(UsageError, match="also state --kv-heads and --head-dim"):
        find_model("Qwen/Qwen3-8B", Figures(parameters=8, layers=36), environment=environment)


def test_stated_figures_take_the_place_of_missing_weights(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "small", SMALL, {})
    with pytest.raises(UsageError, match="there are no weights"):
        find_model(str(folder), Figures())
    assert find_model(str(folder), Figures(parameters=10**9)).weights.parameters == 10**9


# ── Quantisation, speculation, adapters ─────────────────────────────────────────────────────────────────────────────


def test_weights_that_are_quantised_are_not_quantised_again(tmp_path: Path) -> None:
    shape = shape_of(tmp_path, {**SMALL, "quantization_config": {"quant_method": "awq"}})
    assert find_method(None, shape) is None
    assert find_method("awq", shape) is not None
    with pytest.raises(UsageError, match="quantised already, to 'awq'"):
        find_method("fp8", shape)
    with pytest.raises(UsageError, match="Did you mean 'gptq'"):
        find_method("gtpq", shape)


@pytest.mark.parametrize(
    ("stored", "size"),
    [("fp8", 1), ("awq", 0.52), ("inc", 0.52), ("gpt_oss_mxfp4", 0.53), ("modelopt_fp4", 0.56), (None, None)],
)
def test_stated_parameters_are_stored_as_the_config_says(
    tmp_path: Path, stored: str | None, size: float | None
) -> None:
    quantized = {"quantization_config": {"quant_method": stored}} if stored else {}
    method = stored_method(shape_of(tmp_path, {**SMALL, **quantized}))
    assert (None if method is None else round(method.bytes, 2)) == size


@pytest.mark.parametrize("stored", ["compressed-tensors", "gptq", "modelopt_mixed"])
def test_a_format_of_several_sizes_has_to_be_said(tmp_path: Path, stored: str) -> None:
    with pytest.raises(UsageError, match=r"8 bits or 4.*--quantization int4"):
        stored_method(shape_of(tmp_path, {**SMALL, "quantization_config": {"quant_method": stored}}))


def test_weights_that_vllm_does_not_load_are_refused(tmp_path: Path) -> None:
    shape = shape_of(tmp_path, {**SMALL, "quantization_config": {"quant_method": "bitsandbytes"}})
    with pytest.raises(UsageError, match="'bitsandbytes', which vLLM"):
        find_method(None, shape)


def test_medusa_is_refused_with_what_to_use_instead(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"Medusa no longer: 0\.33 .*eagle3:DIR.*ngram.*prompt_lookup_min 8"):
        find_speculation("medusa", shape_of(tmp_path, SMALL))


@pytest.mark.parametrize("text", ["ngrm", "eagle3", "draft:", "ngram:x", ""])
def test_an_unknown_way_to_speculate_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match="is no way to speculate: expected one of ngram, eagle3:DIR, draft:DIR"):
        find_speculation(text, shape_of(tmp_path, SMALL))


def test_words_are_proposed_only_after_eight_that_were_seen(tmp_path: Path) -> None:
    spoken = find_speculation("ngram", shape_of(tmp_path, SMALL))
    assert spoken is not None
    assert (spoken.config["prompt_lookup_min"], spoken.weights) == (8, None)


@pytest.mark.parametrize("way", ["draft", "eagle3"])
def test_a_draft_has_the_tokens_of_its_model(tmp_path: Path, way: str) -> None:
    other = {**SMALL, "vocab_size": 101}
    folder = write_model(tmp_path / "draft", other, decoder(other))
    with pytest.raises(UsageError, match="vocabulary is not that of model: expected 100 tokens, found 101"):
        find_speculation(f"{way}:{folder}", shape_of(tmp_path, SMALL))


def test_a_head_reads_the_width_of_its_model(tmp_path: Path) -> None:
    other = {**SMALL, "hidden_size": 128}
    folder = write_model(tmp_path / "head", other, decoder(other))
    with pytest.raises(UsageError, match="no head for model: expected a hidden size of 64, found 128"):
        find_speculation(f"eagle3:{folder}", shape_of(tmp_path, SMALL))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (None, r"no adapter_config\.json"),
        ({"r": 1024}, "rank is too high for vLLM: expected at most 512, found 1024"),
        ({"r": 8, "rank_pattern": {"q_proj": 600}}, "found 600"),
        ({"r": "8"}, "its rank `r` is no figure"),
        ({}, "its rank `r` is no figure"),
        ({"r": 8, "use_dora": True}, "DoRA"),
        ({"r": 8, "peft_type": "PREFIX_TUNING"}, "kind PREFIX_TUNING: expected LORA"),
    ],
)
def test_a_folder_that_is_no_adapter_is_refused(tmp_path: Path, config: dict[str, Any] | None, message: str) -> None:
    if config is not None:
        (tmp_path / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(UsageError, match=message):
        find_adapter(f"legal={tmp_path}")


@pytest.mark.parametrize("text", ["legal", "=x", "legal=", "a b=x"])
def test_an_adapter_is_named_with_its_folder(text: str) -> None:
    with pytest.raises(UsageError, match="expected NAME=DIR"):
        find_adapter(text)


def test_an_adapter_takes_rank_times_both_sides_of_each_matrix(tmp_path: Path) -> None:
    shape = shape_of(tmp_path, {**SMALL, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16})
    sides = (64 + 64) + 2 * (64 + 32) + (64 + 64) + 2 * (64 + 128) + (128 + 64)
    assert adapter_bytes(shape, 16, 1) == 2 * 16 * sides * 2
    assert adapter_bytes(shape, 16, 2) < adapter_bytes(shape, 16, 1)
