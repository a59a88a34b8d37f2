"""Which layers of a model keep what: families of models say it in different keys of config.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from ragstone.errors import UsageError
from ragstone.inference.serving.shape import FLOATS, Kind

__all__ = ["kinds", "state_bytes"]

FULL: Kind = "full"
STATE: Kind = "state"
NAMED: dict[str, Kind | None] = {
    "full_attention": "full",
    "attention": "full",
    "sliding_attention": "sliding",
    "chunked_attention": "chunked",
    "linear_attention": "state",
    "mamba": "state",
    "mamba2": "state",
    "conv": "state",
    "mlp": None,
    "moe": None,
}
SIGNS: dict[str, Kind | None] = {"*": "full", "M": "state", "-": None, "E": None}  # Nemotron-H
EVERY = {"gemma2": 2, "gemma3": 6, "gemma3_text": 6, "cohere2": 4}  # one layer of so many sees everything
MAMBA = ("mamba", "mamba2", "falcon_mamba")  # models that are nothing else
NOT_KNOWN = "vLLM itself says how much fits when it starts."


def kinds(config: Mapping[str, Any], depth: int, path: Path) -> list[Kind]:
    """What each layer that keeps anything keeps. Raises UsageError for a kind of layer that is not known here."""
    found = _stated(config, depth, path)
    shared = config.get("num_kv_shared_layers")
    return [one for one in (found[:-shared] if isinstance(shared, int) and shared > 0 else found) if one is not None]


def _stated(config: Mapping[str, Any], depth: int, path: Path) -> Sequence[Kind | None]:
    said: object = config.get("layer_types") or config.get("layers_block_type")
    if isinstance(said, list):
        return [_named(str(one), NAMED, path) for one in cast("list[object]", said)]
    if isinstance(pattern := config.get("hybrid_override_pattern"), str):
        return [_named(sign, SIGNS, path) for sign in pattern]
    if config.get("model_type") in MAMBA:
        return [STATE for _ in range(depth)]
    if isinstance(every := config.get("full_attention_interval"), int) and every > 0:  # Qwen3-Next
        return ["full" if (number + 1) % every == 0 else "state" for number in range(depth)]
    if isinstance(every := config.get("attn_layer_period"), int) and every > 0:  # Jamba
        offset = int(config.get("attn_layer_offset") or 0)
        return ["full" if number % every == offset else "state" for number in range(depth)]
    if isinstance(full := config.get("attn_layer_indices"), list):  # Bamba
        return ["full" if number in full else "state" for number in range(depth)]
    return _windowed(config, depth)


def _windowed(config: Mapping[str, Any], depth: int) -> Sequence[Kind | None]:
    """Layers that differ by how far they see, if at all."""
    model = config.get("model_type")
    if model == "llama4_text" and config.get("attention_chunk_size"):
        return ["full" if (number + 1) % 4 == 0 else "chunked" for number in range(depth)]
    if not config.get("sliding_window") or config.get("use_sliding_window") is False:
        return [FULL for _ in range(depth)]
    every = config.get("sliding_window_pattern") or EVERY.get(str(model))
    if isinstance(every, int) and every > 0:
        return ["full" if (number + 1) % every == 0 else "sliding" for number in range(depth)]
    first = config.get("max_window_layers")
    first = first if isinstance(first, int) and config.get("use_sliding_window") else 0
    return ["full" if number < first else "sliding" for number in range(depth)]


def _named(name: str, known: Mapping[str, Kind | None], path: Path) -> Kind | None:
    if name not in known:
        raise UsageError(f"what a layer of kind {name!r} keeps is not known here", where=str(path), hint=NOT_KNOWN)
    return known[name]


# ── States ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def state_bytes(config: Mapping[str, Any], path: Path) -> int:
    """Bytes that a layer with a state keeps of a request: the last inputs of its convolution, and the state itself.

    The shapes are those of vLLM 0.33 (`MambaStateShapeCalculator`), twice, since with prefix caching a request holds
    its state and the one that it may be resumed from.
    """
    shapes = _delta_net(config) or _mamba2(config) or _mamba1(config) or _short_conv(config)
    if shapes is None:
        raise UsageError("how large the state of its layers is is not known here", where=str(path), hint=NOT_KNOWN)
    convolution, state = shapes
    said = config.get("mamba_ssm_dtype") or config.get("ssm_state_dtype")
    return 2 * (convolution * 2 + state * FLOATS.get(str(said), 2))


def _figures(config: Mapping[str, Any], *names: str | tuple[str, ...]) -> list[int] | None:
    """Several figures, each by one of its names; None where one is missing."""
    found: list[int] = []
    for name in names:
        values = [config.get(one) for one in ((name,) if isinstance(name, str) else name)]
        whole = [value for value in values if isinstance(value, int) and not isinstance(value, bool)]
        if not whole:
            return None
        found.append(whole[0])
    return found


def _delta_net(config: Mapping[str, Any]) -> tuple[int, int] | None:
    found = _figures(
        config,
        "linear_num_key_heads",
        "linear_num_value_heads",
        "linear_key_head_dim",
        "linear_value_head_dim",
        "linear_conv_kernel_dim",
    )
    if found is None:
        return None
    keys, values, key, value, kernel = found
    return (2 * keys * key + values * value) * (kernel - 1), values * value * key


def _mamba2(config: Mapping[str, Any]) -> tuple[int, int] | None:
    found = _figures(
        config,
        ("mamba_n_heads", "mamba_num_heads", "num_heads"),
        ("mamba_d_head", "mamba_head_dim", "head_dim"),
        ("mamba_d_state", "ssm_state_size", "state_size"),
        ("mamba_n_groups", "n_groups"),
        ("mamba_d_conv", "conv_kernel"),
    )
    if found is None:
        return None
    heads, width, state, groups, kernel = found
    return (heads * width + 2 * groups * state) * (kernel - 1), heads * width * state


def _mamba1(config: Mapping[str, Any]) -> tuple[int, int] | None:
    found = _figures(config, ("mamba_d_state", "state_size"), ("mamba_d_conv", "conv_kernel"), "hidden_size")
    if found is None:
        return None
    state, kernel, hidden = found
    expand = _figures(config, ("mamba_expand", "expand"))
    inner = hidden * (expand[0] if expand else 2)
    return inner * (kernel - 1), inner * state


def _short_conv(config: Mapping[str, Any]) -> tuple[int, int] | None:
    found = _figures(config, "conv_L_cache", "hidden_size")
    return None if found is None else (found[1] * (found[0] - 1), 0)
