"""What would make a model fit, the cheapest first, each computed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ragstone.errors import UsageError
from ragstone.inference.serving.gpus import GPUS
from ragstone.inference.serving.memory import MOST_GPUS, Load, Plan, plan
from ragstone.inference.serving.quantization import METHODS

__all__ = ["Remedy", "remedies"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """A change to what was asked for.

    `missing` are the bytes that a GPU still lacks with it; 0: it fits. `concurrency` requests fit at once with it.
    """

    change: str
    means: str
    missing: float
    concurrency: int

    @property
    def enough(self) -> bool:
        """Whether it fits with this change alone."""
        return self.missing == 0


def remedies(found: Plan) -> list[Remedy]:
    """Each change by itself; none for a plan that fits. What asks less comes first, what costs money last."""
    return [] if found.fits else [*_of_wishes(found), *_of_bits(found), *_of_gpus(found)]


def _of_wishes(found: Plan) -> Iterator[Remedy]:
    if found.concurrency:
        fewer = replace(found.load, concurrency=found.concurrency)
        yield _tried(fewer, f"--concurrency {found.concurrency}", "the other requests wait their turn")
    if found.context:
        shorter = replace(found.load, context=found.context)
        yield _tried(shorter, f"--context {found.context}", "shorter prompts and answers")


def _of_bits(found: Plan) -> Iterator[Remedy]:
    load = found.load
    if load.kv_cache == "auto" and found.request:
        yield _tried(replace(load, kv_cache="fp8"), "--kv-cache fp8", "half the cache, and nearly as exact")
    if load.speculation is not None and load.speculation.weights is not None:
        yield _tried(replace(load, speculation=None), "no --speculative", "slower answers, the same words")
    if load.weights.packed or load.shape.quantized:
        return
    if load.method is None:
        method = replace(load, method=METHODS["fp8"])
        yield _tried(method, "--quantization fp8", "weights of 8 bits, made as vLLM loads them")
    if load.method is None or load.method.bytes >= 1:
        method = replace(load, method=METHODS["int4"])
        yield _tried(method, "--quantization int4", "weights of 4 bits: a checkpoint made so (AWQ, GPTQ)")


def _of_gpus(found: Plan) -> Iterator[Remedy]:
    """More of the same GPU, as many as are enough; and one GPU that has enough memory, the smallest."""
    load = found.load
    more = (count for count in range(load.gpus + 1, MOST_GPUS + 1))
    tried = [one for count in more if (one := _possible(replace(load, gpus=count), f"--gpus {count}"))]
    yield from [one for one in tried if one.enough][:1] or tried[-1:]
    larger = sorted((gpu.memory, word) for word, gpu in GPUS.items() if gpu.memory > load.gpu.memory)
    others = [_possible(replace(load, gpu=GPUS[word]), f"--gpu {word}") for _, word in larger]
    yield from [one for one in others if one is not None and one.enough][:1]


def _possible(load: Load, change: str) -> Remedy | None:
    """None where the model cannot be shared out so."""
    try:
        return _tried(load, change, f"{load.gpus} × {load.gpu.name}")
    except UsageError:
        return None


def _tried(load: Load, change: str, means: str) -> Remedy:
    found = plan(load)
    return Remedy(change=change, means=means, missing=found.missing, concurrency=found.concurrency)
