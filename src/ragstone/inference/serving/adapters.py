"""LoRA adapters: what their folders say, and the memory that vLLM sets aside for them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from ragstone.errors import UsageError
from ragstone.inference.serving.config import read_json
from ragstone.inference.serving.shape import FLOATS, Shape

__all__ = ["RANKS", "Adapter", "adapter_bytes", "find_adapter", "slot_rank"]

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""The ranks that vLLM's --max-lora-rank takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """A LoRA adapter, which is asked for by its name as a model is."""

    name: str
    path: str
    rank: int


def find_adapter(text: str) -> Adapter:
    """The adapter of `name=DIR`. Raises UsageError for a folder that is none, or that vLLM would refuse."""
    name, separator, place = text.partition("=")
    if not separator or not place or not re.fullmatch(r"[\w.:/-]+", name):
        raise UsageError("it names no adapter", where="--lora", expected="NAME=DIR", found=repr(text))
    folder = Path(place)
    if not (folder / "adapter_config.json").is_file():
        missing = "there is no adapter_config.json" if folder.is_dir() else "there is no such folder"
        raise UsageError(missing, where=f"--lora {name}={place}", hint="Is it the folder of a LoRA adapter (PEFT)?")
    path = folder / "adapter_config.json"
    given = read_json(path)
    if (kind := str(given.get("peft_type", "LORA"))).upper() != "LORA":
        raise UsageError(f"it is an adapter of kind {kind}", where=str(path), expected="LORA")
    if given.get("use_dora"):
        raise UsageError("it is a DoRA adapter, which vLLM does not serve", where=str(path))
    other: object = given.get("rank_pattern")
    ranks: list[object] = [
        given.get("r"),
        *(cast("dict[str, object]", other).values() if isinstance(other, dict) else ()),
    ]
    found = [rank for rank in ranks if isinstance(rank, int) and not isinstance(rank, bool) and rank > 0]
    if len(found) < len(ranks):
        raise UsageError("its rank `r` is no figure", where=str(path), expected="a whole number from 1")
    if max(found) > RANKS[-1]:
        raise UsageError(
            "its rank is too high for vLLM", where=str(path), expected=f"at most {RANKS[-1]}", found=str(max(found))
        )
    return Adapter(name=name, path=place, rank=max(found))


def slot_rank(rank: int) -> int:
    """The least rank of vLLM's that holds an adapter.

    >>> slot_rank(24)
    32
    """
    return next(one for one in RANKS if one >= rank)


def adapter_bytes(shape: Shape, rank: int, gpus: int) -> float:
    """Bytes on each GPU of one adapter's place: A and B of every layer, whatever the adapter itself changes.

    A matrix from n to m numbers has rank × n in A and rank × m in B. Of the pair, the part along the dimension that
    tensor parallelism cuts is shared out among the GPUs, and the other one is on each.
    """
    hidden, heads = shape.hidden, [one for one in shape.layers if one.kind in ("full", "sliding", "chunked")]
    numbers = 0.0
    for one in heads:
        width = one.width / 2
        queries, values = shape.heads * width, one.heads * width
        numbers += one.count * rank * (3 * hidden + (queries + 2 * values) / gpus)  # q, k and v
        numbers += one.count * rank * (queries / gpus + hidden)  # o
    inner = shape.expert_width if shape.experts else shape.inner
    blocks = shape.depth * max(shape.experts, 1)
    numbers += blocks * rank * (2 * hidden + 2 * inner / gpus)  # gate and up
    numbers += blocks * rank * (inner / gpus + hidden)  # down
    return numbers * FLOATS[shape.dtype]
