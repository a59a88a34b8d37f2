"""How much memory a model needs on each GPU, and what fits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ragstone.errors import UsageError
from ragstone.inference.serving.adapters import Adapter, adapter_bytes, slot_rank
from ragstone.inference.serving.gpus import Gpu
from ragstone.inference.serving.quantization import Method, kv_bytes
from ragstone.inference.serving.shape import Layers, Shape
from ragstone.inference.serving.sizes import GIB
from ragstone.inference.serving.speculation import Speculation
from ragstone.inference.serving.weights import Weights

__all__ = ["BLOCK", "GRAPHS", "MOST_GPUS", "UTILIZATION", "Load", "Plan", "kv_per_token", "plan"]

UTILIZATION = 0.92
"""The share of a GPU's memory that vLLM takes (`--gpu-memory-utilization`, vLLM 0.33)."""

BLOCK = 16
"""Tokens whose keys and values stand together: memory is given out in such blocks."""

MOST_GPUS = 8
"""The GPUs of one machine."""

GRAPHS = 1.0 * GIB
"""CUDA graphs, and what CUDA's libraries keep.

0.17 and 0.73 GiB were reported for the graphs of 27B models (vllm#39559 and others), 0.16 to 0.33 GiB for the libraries
(vllm#12126, #14452).
"""

LINKS = 0.5 * GIB
"""What GPUs that work together keep for talking to each other; assumed, not measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is to be served, and on what.

    `context` are the tokens of a request, its prompt and its answer; `concurrency` the requests at once, each as long
    as that. `batch` are the tokens that vLLM reads in one step.
    """

    shape: Shape
    weights: Weights
    gpu: Gpu
    gpus: int = 1
    context: int
    concurrency: int
    method: Method | None = None
    kv_cache: str = "auto"
    speculation: Speculation | None = None
    adapters: Sequence[Adapter] = ()
    utilization: float = UTILIZATION

    @property
    def batch(self) -> int:
        """VLLM refuses fewer than the requests at once; it reads no more than what may be waiting."""
        return max(min(self.gpu.batch, self.concurrency * self.context), self.concurrency)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a load needs on each GPU, in bytes, and what fits.

    `request` is the KV cache of one request as long as the context. `concurrency` and `context` are the most that fit,
    each while the other is as asked; 0 where not one does.
    """

    load: Load
    budget: float
    weights: float
    adapters: float
    draft: float
    activations: float
    graphs: float
    request: float
    concurrency: int
    context: int

    @property
    def fixed(self) -> float:
        """What is needed before the first request."""
        return self.weights + self.adapters + self.draft + self.activations + self.graphs

    @property
    def room(self) -> float:
        """What is left for the KV cache; below 0 where the model alone does not fit."""
        return self.budget - self.fixed

    @property
    def cache(self) -> float:
        """The KV cache of all requests."""
        return self.request * self.load.concurrency

    @property
    def missing(self) -> float:
        """What is too much; 0 where it fits."""
        return max(0.0, self.cache - self.room)

    @property
    def fits(self) -> bool:
        """Whether all requests fit, each as long as the context."""
        return self.missing == 0


def plan(load: Load) -> Plan:
    """What a load needs. Raises UsageError for one that no GPU could serve: too long, or not to be shared out."""
    _check(load)
    shape, gpus = load.shape, load.gpus
    each = None if load.method is None or load.weights.packed else load.method.bytes
    spoken = load.speculation
    draft = 0.0
    if spoken is not None and spoken.shape is not None and spoken.weights is not None:
        draft = spoken.weights.bytes(shape.dtype) / gpus
    rank = slot_rank(max((one.rank for one in load.adapters), default=1))
    made = Plan(
        load=load,
        budget=load.gpu.memory * load.utilization,
        weights=load.weights.bytes(shape.dtype, each) / gpus,
        adapters=len(load.adapters) * adapter_bytes(shape, rank, gpus) if load.adapters else 0.0,
        draft=draft,
        activations=activations(load),
        graphs=GRAPHS + (LINKS if gpus > 1 else 0),
        request=cache_bytes(load, load.context),
        concurrency=0,
        context=0,
    )
    return _with_most(made)


def _with_most(made: Plan) -> Plan:
    if made.room <= 0:
        return made
    concurrency = int(made.room // made.request) if made.request else made.load.concurrency
    return replace(made, concurrency=concurrency, context=_longest(made))


def _longest(made: Plan) -> int:
    """The longest context that fits for as many requests as were asked for: whole blocks, within the model's limit."""
    load = made.load
    limit = load.shape.limit or max(load.context, 1024**2)
    low, high = 0, limit // BLOCK
    while low < high:
        middle = (low + high + 1) // 2
        fits = cache_bytes(load, middle * BLOCK) * load.concurrency <= made.room
        low, high = (middle, high) if fits else (low, middle - 1)
    return low * BLOCK


def _check(load: Load) -> None:
    shape, gpus = load.shape, load.gpus
    if not 1 <= gpus <= MOST_GPUS:
        raise UsageError(
            "a plan is for the GPUs of one machine", where="--gpus", expected=f"1 to {MOST_GPUS}", found=str(gpus)
        )
    if load.concurrency < 1:
        raise UsageError("it is too low", where="--concurrency", expected="1 or more", found=str(load.concurrency))
    if shape.limit is not None and load.context > shape.limit:
        raise UsageError(
            f"{shape.name} was made for shorter contexts",
            where="--context",
            expected=f"at most {shape.limit:,} tokens",
            found=f"{load.context:,}",
            hint="A config.json with rope scaling (YaRN) allows more, where the model's makers describe one.",
        )
    draft = load.speculation.shape if load.speculation else None
    for one in (shape, draft) if draft else (shape,):
        _check_shares(one, gpus)


def _check_shares(shape: Shape, gpus: int) -> None:
    """A GPU has as many heads as any other."""
    if shape.heads % gpus:
        shared = [str(count) for count in range(1, MOST_GPUS + 1) if shape.heads % count == 0]
        raise UsageError(
            f"the {shape.heads} heads of {shape.name} cannot be shared out among {gpus} GPUs",
            where="--gpus",
            expected=f"one of {', '.join(shared)}",
        )
    if shape.kv_heads > gpus and shape.kv_heads % gpus:
        raise UsageError(
            f"the {shape.kv_heads} heads of keys and values of {shape.name} cannot be shared out among {gpus} GPUs",
            where="--gpus",
        )


# ── Formulas ────────────────────────────────────────────────────────────────────────────────────────────────────────


def activations(load: Load) -> float:
    """What one step keeps beside weights and cache, at most.

    batch × (4 × hidden + 3 × inner) × bytes, and requests × vocabulary × 12 for the logits in 32 bits, their softmax
    and their order. For Llama 3 8B with 8,192 tokens and 256 requests this is 1.27 GiB; vLLM measured 1.26 on one H100,
    and as much on each of two, so nothing is shared out (vllm#10511).
    """
    shape = load.shape
    width = 4 if shape.dtype == "float32" else 2
    return load.batch * (4 * shape.hidden + 3 * shape.inner) * width + load.concurrency * shape.vocabulary * 12


def kv_per_token(one: Layers, each: int, gpus: int = 1) -> float:
    """Bytes of one token in one layer, on each GPU: heads × (key + value) × bytes; of a latent, width × bytes.

    A GPU holds one head at least, so heads fewer than GPUs are held more than once; a latent is on every GPU.
    """
    if one.kind == "state":
        return 0
    if one.kind == "latent":
        return one.width * each
    return math.ceil(one.heads / gpus) * one.width * each


def cache_bytes(load: Load, context: int) -> float:
    """The KV cache of one request on each GPU, that of a draft among it."""
    each = kv_bytes(load.kv_cache, load.shape.dtype)
    total = _of_layers(load.shape.layers, load, context, each)
    spoken = load.speculation
    if spoken is not None and spoken.shape is not None:
        total += _of_layers(spoken.shape.layers, load, context, each)
    return total


def kept(one: Layers, context: int, batch: int) -> int:
    """Tokens whose keys and values a layer keeps of a request, in whole blocks.

    A window keeps what it sees and what one step reads, and a block more, since it may begin inside one
    (`SlidingWindowSpec` of vLLM 0.33).
    """
    if one.kind in ("sliding", "chunked"):
        return (math.ceil(min(one.window - 1 + batch, context) / BLOCK) + 1) * BLOCK
    return math.ceil(context / BLOCK) * BLOCK


def padded(layers: Sequence[Layers]) -> list[int]:
    """How many layers of each kind vLLM gives memory to.

    Layers share their blocks in groups of equal size, so the last group of a kind is filled up: the size is that of
    the rarest kind, or of the commonest where it is less than half as common again (`kv_cache_utils` of vLLM 0.33).
    """
    counts = [one.count for one in layers]
    size = max(counts) if max(counts) < 1.5 * min(counts) else min(counts)
    return [math.ceil(count / size) * size for count in counts]


def _of_layers(layers: Sequence[Layers], load: Load, context: int, each: int) -> float:
    total = 0.0
    for one, count in zip(layers, padded(layers), strict=True):
        if one.kind == "state":
            total += count * one.state / load.gpus
        else:
            total += count * kv_per_token(one, each, load.gpus) * kept(one, context, load.batch)
    return total
