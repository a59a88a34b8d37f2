"""The arithmetic of a plan, line by line: what, the numbers, and the formula that they go into."""

from __future__ import annotations

from collections.abc import Iterator

from ragstone.inference.serving.adapters import slot_rank
from ragstone.inference.serving.memory import BLOCK, GRAPHS, LINKS, Plan, kept, kv_per_token, padded
from ragstone.inference.serving.quantization import kv_bytes
from ragstone.inference.serving.shape import FLOATS, Layers
from ragstone.inference.serving.sizes import KIB, gib

__all__ = ["explained"]


def explained(found: Plan) -> Iterator[tuple[str, list[str]]]:
    """What each figure of a plan is made of: its name, and lines of arithmetic."""
    load = found.load
    yield (
        "memory",
        [f"{gib(load.gpu.memory)} of {load.gpu.name} × {load.utilization:g} = {gib(found.budget)} for vLLM"],
    )
    yield "weights", list(_weights(found))
    if load.adapters:
        yield "LoRA", list(_adapters(found))
    if found.draft:
        assert load.speculation is not None
        shared = f", shared out among {load.gpus}" if load.gpus > 1 else ""
        yield "speculation", [f"the weights of {load.speculation.name}{shared} = {gib(found.draft)}"]
    yield "activations", list(_activations(found))
    yield "CUDA", list(_graphs(found))
    yield "left", [f"{gib(found.budget)} - {gib(found.fixed)} = {gib(found.room)} for the KV cache"]
    yield "KV cache", list(_cache(found))


def _weights(found: Plan) -> Iterator[str]:
    load = found.load
    weights, wide = load.weights, FLOATS[load.shape.dtype]
    if weights.packed:
        yield f"{gib(weights.packed)} as they are stored ({load.shape.quantized or load.shape.dtype})"
    method = None if weights.packed else load.method
    if weights.matrices:
        each, words = (wide, load.shape.dtype) if method is None else (method.bytes, f"{method.name}: {method.words}")
        size = weights.matrices * each
        yield f"{weights.matrices:,} in matrices × {each:.4g} bytes ({words}) = {gib(size)}"
    if weights.rest:
        yield (
            f"{weights.rest:,} in embeddings, norms and the like × {wide} bytes "
            f"({load.shape.dtype}) = {gib(weights.rest * wide)}"
        )
    if load.shape.experts:
        yield f"all {load.shape.experts} experts of a layer among them: any token may ask for any"
    if load.gpus > 1:
        yield f"shared out among {load.gpus} GPUs: {gib(found.weights)} on each"
    yield f"counted by {weights.source}" if weights.source != "stated" else "of the parameters that were stated"


def _adapters(found: Plan) -> Iterator[str]:
    load = found.load
    count, rank = len(load.adapters), slot_rank(max(one.rank for one in load.adapters))
    yield f"{count} place{'s' * (count != 1)} of rank {rank}, in every layer: rank × (numbers in + numbers out)"
    yield f"× {FLOATS[load.shape.dtype]} bytes = {gib(found.adapters)}"


def _activations(found: Plan) -> Iterator[str]:
    load, shape = found.load, found.load.shape
    wide = 4 if shape.dtype == "float32" else 2
    first = load.batch * (4 * shape.hidden + 3 * shape.inner) * wide
    yield (
        f"{load.batch:,} tokens a step × (4 × {shape.hidden:,} hidden + 3 × {shape.inner:,} inner) "
        f"× {wide} = {gib(first)}"
    )
    second = load.concurrency * shape.vocabulary * 12
    yield f"{load.concurrency:,} requests × {shape.vocabulary:,} words × 12 (logits, softmax, order) = {gib(second)}"
    yield "gives 1.27 GiB where vLLM measured 1.26 (Llama 3 8B on an H100, vllm#10511)"
    if shape.assumed:
        yield f"assumed, since nobody stated it: {', '.join(shape.assumed)}"


def _graphs(found: Plan) -> Iterator[str]:
    yield f"{gib(GRAPHS)} for CUDA graphs and libraries: up to 0.73 and 0.33 were reported for them"
    yield "(vllm#39559, #14452)"
    if found.load.gpus > 1:
        yield f"{gib(LINKS)} for what the GPUs tell each other: assumed"


def _cache(found: Plan) -> Iterator[str]:
    load = found.load
    each = kv_bytes(load.kv_cache, load.shape.dtype)
    for one, count in zip(load.shape.layers, padded(load.shape.layers), strict=True):
        yield from _layers(found, one, count, each)
    if load.speculation is not None and load.speculation.shape is not None:
        yield f"the layers of {load.speculation.name} beside them"
    yield f"a request of {load.context:,} tokens, in blocks of {BLOCK}: {gib(found.request)}"
    yield f"× {load.concurrency:,} at once = {gib(found.cache)}"


def _layers(found: Plan, one: Layers, count: int, each: int) -> Iterator[str]:
    load = found.load
    if one.kind == "state":
        yield f"{count} layers that keep a state: {one.state / load.gpus / KIB:,.0f} KiB each, however long it is"
        return
    held = kv_per_token(one, each, load.gpus)
    heads = -(-one.heads // load.gpus)
    if one.kind == "latent":
        yield f"{count} layers × {one.width} numbers of a latent (MLA) × {each} bytes"
        if load.gpus > 1:
            yield f"the same on each of {load.gpus} GPUs"
    else:
        of = f" of {one.heads}, on each GPU" if load.gpus > 1 else ""
        yield f"2 × {count} layers × {heads} KV heads{of} × {one.width / 2:g} numbers × {each} bytes"
    if count != one.count:
        yield f"({one.count} layers, {count} with those that fill up vLLM's groups)"
    yield f"= {count * held / KIB:,.1f} KiB a token"
    if one.kind in ("sliding", "chunked"):
        tokens = kept(one, load.context, load.batch)
        yield f"of a window of {one.window:,} and of what a step reads: {tokens:,} tokens at most"
