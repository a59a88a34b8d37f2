"""What of a model decides how much memory it needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["FLOATS", "Kind", "Layers", "Shape"]

Kind: TypeAlias = Literal["full", "sliding", "chunked", "latent", "state"]

FLOATS = {"float32": 4, "bfloat16": 2, "float16": 2}
"""The types that a model is computed in, with the bytes of a number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layers:
    """Layers that keep the same of a request.

    `full` keeps keys and values of every token, `sliding` and `chunked` those of the last `window`; `latent` keeps one
    compressed vector a token (MLA); `state` keeps `state` bytes a request, however long it is. `heads` are the heads of
    keys and values, `width` the numbers that each keeps a token: the size of a key and that of a value together.
    """

    count: int
    kind: Kind = "full"
    heads: int = 1
    width: int = 0
    window: int = 0
    state: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A model's architecture, from its config.json or from stated figures.

    `inner` are the numbers between the two halves of a feed-forward block that one token passes, of all its experts
    together. `limit` is the longest context in tokens that the model was made for, None where that is not known;
    `quantized` how its weights are stored, as vLLM calls it. `assumed` names the figures that nobody stated.
    """

    name: str
    layers: Sequence[Layers]
    heads: int
    hidden: int
    inner: int
    vocabulary: int
    limit: int | None = None
    dtype: str = "bfloat16"
    tied: bool = False
    quantized: str | None = None
    experts: int = 0
    depth: int = 0
    expert_width: int = 0
    assumed: Sequence[str] = ()

    @property
    def kv_heads(self) -> int:
        """The fewest heads of keys and values of any layer; 0 where no layer has heads of its own."""
        return min((one.heads for one in self.layers if one.kind in ("full", "sliding", "chunked")), default=0)
