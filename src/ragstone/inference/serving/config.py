"""Reads a model's config.json."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from ragstone.errors import UsageError
from ragstone.inference.serving.patterns import kinds, state_bytes
from ragstone.inference.serving.shape import FLOATS, Kind, Layers, Shape

__all__ = ["read_config", "read_json"]

HINT = "State its figures: --params 8b --layers 36 --kv-heads 8 --head-dim 128"
NESTED = ("text_config", "llm_config", "transformer_layer_config")  # the last one in heads for speculation
SCALED = ("yarn", "linear", "dynamic")  # kinds of rope scaling by whose factor vLLM lengthens the window


def read_config(folder: Path) -> Shape:
    """The architecture of the model in a folder. Raises UsageError where config.json is missing, or says too little.

    A model that sees has its text part under `text_config`; the memory of its other parts is in its weights.
    """
    path = folder / "config.json"
    whole = read_json(path)
    nested = next((whole[key] for key in NESTED if isinstance(whole.get(key), dict)), None)
    return _Config(path, {**whole, **(nested or {})}).shape(folder.resolve().name)


def read_json(path: Path) -> dict[str, Any]:
    """An object in a JSON file. Raises UsageError when there is none."""
    try:
        value: object = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise UsageError(
            f"there is no {path.name}", where=str(path.parent), hint="Is it the folder of a model? " + HINT
        ) from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"it is no JSON: {error}", where=str(path)) from None
    if not isinstance(value, dict):
        raise UsageError("it is no JSON object", where=str(path), found=type(value).__name__)
    return cast("dict[str, Any]", value)


class _Config:
    """Reads figures from a config.json by the names that the families of models use."""

    def __init__(self, path: Path, given: Mapping[str, Any]) -> None:
        self._path, self._given = path, given

    def shape(self, name: str) -> Shape:
        heads = self._number("num_attention_heads", "n_head", "num_heads", least=0, default=0)
        hidden = self._number("hidden_size", "n_embd", "d_model")
        depth = self._number("num_hidden_layers", "n_layer", "num_layers")
        experts = self._number(
            "num_local_experts", "n_routed_experts", "num_experts", "moe_num_experts", least=0, default=0
        )
        inner = self._number("intermediate_size", "n_inner", "ffn_dim", least=0, default=4 * hidden)
        expert = self._number("moe_intermediate_size", "expert_ffn_hidden_size", least=0, default=inner)
        return Shape(
            name=name,
            layers=self._layers(depth, heads, hidden),
            heads=heads,
            hidden=hidden,
            inner=self._passed(expert) if experts else inner,
            vocabulary=self._number("vocab_size"),
            limit=self._limit(),
            dtype=self._dtype(),
            tied=bool(self._given.get("tie_word_embeddings", False)),
            quantized=self._quantized(),
            experts=experts,
            depth=depth,
            expert_width=expert if experts else 0,
        )

    def _passed(self, expert: int) -> int:
        """The numbers that a token passes in all of its experts."""
        active = self._number("num_experts_per_tok", "moe_topk", "num_experts_per_token", default=1)
        shared = self._number("n_shared_experts", least=0, default=0) * expert
        shared = shared or self._number("shared_expert_intermediate_size", least=0, default=0)
        return active * expert + shared

    # ── Layers ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _layers(self, depth: int, heads: int, hidden: int) -> Sequence[Layers]:
        if rank := self._number("kv_lora_rank", least=0, default=0):
            width = rank + self._number("qk_rope_head_dim", least=0, default=0)
            if any(key in self._given for key in ("layer_types", "linear_attn_config", "index_topk")):
                raise UsageError(
                    "its layers compress keys and values, but not all of them alike, or with an index beside",
                    where=str(self._path),
                    hint="vLLM itself says how much fits when it starts.",
                )
            return [Layers(count=depth, kind="latent", width=width)]
        found = Counter(kinds(self._given, depth, self._path))
        return [self._alike(kind, count, heads, hidden) for kind, count in found.items()]

    def _alike(self, kind: Kind, count: int, heads: int, hidden: int) -> Layers:
        if kind == "state":
            return Layers(count=count, kind=kind, state=state_bytes(self._given, self._path))
        kv_heads = self._kv_heads(heads)
        width = self._number("head_dim", "kv_channels", "attention_head_dim", least=0, default=0)
        if not width:
            if not heads or hidden % heads:
                raise self._unknown("head_dim")
            width = hidden // heads
        if kind == "full":  # Gemma 4 has other heads in the layers that see everything
            width = self._number("global_head_dim", default=width)
            kv_heads = self._number("num_global_key_value_heads", default=kv_heads)
        window = {"sliding": "sliding_window", "chunked": "attention_chunk_size"}.get(kind)
        value = self._number("v_head_dim", default=width)
        return Layers(
            count=count,
            kind=kind,
            heads=kv_heads,
            width=width + value,
            window=self._number(window) if window else 0,
        )

    def _kv_heads(self, heads: int) -> int:
        if self._given.get("multi_query") is True and not self._given.get("new_decoder_architecture"):
            return self._number("multi_query_group_num", default=1)
        default = heads or None
        return self._number("num_key_value_heads", "num_kv_heads", "multi_query_group_num", default=default)

    # ── Other figures ────────────────────────────────────────────────────────────────────────────────────────────────

    def _limit(self) -> int | None:
        """The longest context. A factor counts where vLLM counts it: for YaRN over the original length."""
        names = ("max_position_embeddings", "n_positions", "max_sequence_length", "seq_length", "max_seq_len")
        stated = self._number(*names, least=0, default=0)
        scaling: object = self._given.get("rope_scaling") or self._given.get("rope_parameters")
        if not stated or not isinstance(scaling, dict):
            return stated or None
        rope = cast("dict[str, Any]", scaling)
        kind, factor = rope.get("rope_type") or rope.get("type"), rope.get("factor")
        if kind not in SCALED or not isinstance(factor, int | float) or factor <= 0:
            return stated
        original = rope.get("original_max_position_embeddings") if kind == "yarn" else None
        return int((original if isinstance(original, int) and original > 0 else stated) * factor)

    def _dtype(self) -> str:
        """What vLLM computes in unless told otherwise: a checkpoint in 32 bits is loaded in 16."""
        said: object = self._given.get("dtype") or self._given.get("torch_dtype")
        return said if isinstance(said, str) and said in FLOATS and said != "float32" else "bfloat16"

    def _quantized(self) -> str | None:
        found: object = self._given.get("quantization_config") or self._given.get("compression_config")
        if not isinstance(found, dict):
            return None
        method: object = cast("dict[str, Any]", found).get("quant_method")
        return str(method) if method else "compressed-tensors"

    def _number(self, *names: str, least: int = 1, default: int | None = None) -> int:
        """The first of some keys that stands there. Raises UsageError for one that is no number, or for none."""
        for name in names:
            value: object = self._given.get(name)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise UsageError(
                    f"{name} is no figure",
                    where=str(self._path),
                    expected=f"a whole number from {least}",
                    found=repr(value),
                )
            return value
        if default is None:
            raise self._unknown(names[0])
        return default

    def _unknown(self, name: str) -> UsageError:
        return UsageError(f"it does not say {name}", where=str(self._path), hint=HINT)
