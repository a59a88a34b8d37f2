"""Speculative decoding: words that something cheap proposes, and the model checks several at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragstone.errors import UsageError, nearest
from ragstone.inference.serving.config import read_config
from ragstone.inference.serving.shape import Shape
from ragstone.inference.serving.weights import Weights, read_weights

__all__ = ["Speculation", "find_speculation"]

WAYS = ("ngram", "eagle3:DIR", "draft:DIR")
# With prompt_lookup_min 2 about half of the tool calls came out corrupted, with 8 nearly none (vllm#40875).
NGRAM = {"method": "ngram", "num_speculative_tokens": 8, "prompt_lookup_min": 8, "prompt_lookup_max": 16}
MEDUSA = (
    "vLLM offers Medusa no longer: 0.33 has taken it out of --speculative-config, and neither reads nor runs its heads"
)
INSTEAD = (
    "Use eagle3:DIR with a head trained for the model, or ngram, which needs no second model: it takes over words from "
    "the prompt, as answers that cite do (with prompt_lookup_min 8; 2 corrupts tool calls, vllm#40875)."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Speculation:
    """What proposes words. `config` is vLLM's --speculative-config; a second model has a shape and weights."""

    name: str
    config: Mapping[str, Any]
    shape: Shape | None = None
    weights: Weights | None = None


def find_speculation(text: str | None, target: Shape) -> Speculation | None:
    """What `ngram`, `eagle3:DIR` or `draft:DIR` names; None for none.

    Raises UsageError for a way that vLLM does not offer, and for a second model that does not fit the first: another
    vocabulary, or a head that reads another width.
    """
    if text is None:
        return None
    way, _, place = text.partition(":")
    if way.lower() == "medusa":
        raise UsageError(MEDUSA, where="--speculative", hint=INSTEAD)
    if way == "ngram" and not place:
        return Speculation(name="ngram", config=NGRAM)
    if way not in ("eagle3", "draft") or not place:
        hint = nearest(way, ["ngram", "eagle3", "draft", "medusa"])
        raise UsageError(
            f"{text!r} is no way to speculate", where="--speculative", expected=f"one of {', '.join(WAYS)}", hint=hint
        )
    return _second(way, Path(place), target)


def _second(way: str, folder: Path, target: Shape) -> Speculation:
    shape = read_config(folder)
    weights = read_weights(folder, shape)
    if weights is None:
        raise UsageError("there are no weights", where=str(folder), expected="files *.safetensors")
    if shape.vocabulary != target.vocabulary and "vocabulary" not in target.assumed:
        raise UsageError(
            f"its vocabulary is not that of {target.name}",
            where=str(folder),
            expected=f"{target.vocabulary:,} tokens",
            found=f"{shape.vocabulary:,}",
            hint="A draft has to have the tokens of the model that it drafts for.",
        )
    if way == "eagle3" and shape.hidden != target.hidden and "hidden" not in target.assumed:
        raise UsageError(
            f"it is no head for {target.name}",
            where=str(folder),
            expected=f"a hidden size of {target.hidden:,}",
            found=f"{shape.hidden:,}",
        )
    method, proposed = ("eagle3", 3) if way == "eagle3" else ("draft_model", 5)
    config = {"method": method, "model": str(folder), "num_speculative_tokens": proposed}
    return Speculation(name=f"{way} ({folder.name})", config=config, shape=shape, weights=weights)
