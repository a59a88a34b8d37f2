"""What a connector can do, as data."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from ragstone.types import Options

if TYPE_CHECKING:
    from ragstone.usage import Price

__all__ = ["FILTERS", "SETTINGS", "Capabilities", "Structured"]

FILTERS = frozenset({"eq", "ne", "gt", "gte", "lt", "lte", "in", "nin", "contains", "exists", "and", "or", "not"})
"""Every operator of the filter language; a store declares those that it runs inside its own query."""

SETTINGS = frozenset(setting.name for setting in fields(Options))
"""Every setting of a generation, by its name in `Options`."""

Structured: TypeAlias = Literal["words", "json", "schema"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a connector can do, as data. A caller reads it; nobody asks `isinstance`.

    A model whose `structured` is `schema` or `json` asks for `Prompt.output` by itself: bound by its schema, or by JSON
    alone. To others it is said in words. Of a model's `settings` each is obeyed; one that is not among them is refused.
    """

    filters: frozenset[str] = frozenset()
    token_vectors: bool = False
    generative: bool = True
    local: bool = False
    structured: Structured = "words"
    context_window: int | None = None
    output_limit: int | None = None  # tokens of one answer, at most
    price: Price | None = None  # None: not known, so there is no budget that it may be asked under
    settings: frozenset[str] = SETTINGS
    omits: frozenset[str] = frozenset()  # those of them that are left out of every request
    special_tokens: frozenset[str] = frozenset()  # of a model's own tokenizer: broken up in what no author wrote
    tokenizer: Path | None = None  # the model's own tokenizer.json, or its folder
    model: str = ""  # the name by which a library of tokenizers may know the model
    prefix_block: int = 1  # tokens that the server's prefix cache keeps together
    prefix_least: int = 0  # tokens below which it keeps nothing
    samples: bool = False  # several completions of one request, as `n` asks for them
    logprobs: bool = False
    reasons: bool = False  # it has a switch for reasoning of its own
    tools: bool = False  # it takes declarations of functions, and asks for calls of them
    vision: bool = False  # it reads images
    remembers: bool = False  # it may have the answer already, so it is asked also while its server is left alone

    def cached(self, prefix: int) -> int:
        """How many tokens of a beginning that was sent before the server's prefix cache can serve.

        >>> Capabilities(prefix_block=128, prefix_least=1024).cached(1200)
        1152
        """
        return prefix // self.prefix_block * self.prefix_block if prefix >= self.prefix_least else 0
