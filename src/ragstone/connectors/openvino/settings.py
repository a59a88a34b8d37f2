"""What the JSON files beside a model's weights say, checked, in one frozen value."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from ragstone.errors import EmbedderError

__all__ = ["Settings", "read_settings"]

Pooling = Literal["mean", "cls"]

_OTHER_NETWORKS = "Other networks need sentence-transformers, in an embedder of your own."


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The shape of a BERT network, and how the vectors of its tokens become one."""

    layers: int
    heads: int
    dimensions: int
    vocabulary: int
    epsilon: float  # of layer normalisation
    window: int  # tokens, special ones included
    pooling: Pooling


def read_settings(folder: Path) -> Settings:
    """Reads config.json and, where they stand beside it, the files of sentence-transformers.

    Those are `sentence_bert_config.json` (the window), `1_Pooling/config.json` and `modules.json`. Raises EmbedderError
    for a network that is no BERT, or that is followed by a step that this embedder lacks.
    """
    path = folder / "config.json"
    config = _read(path)
    _require(path, config, "model_type", "bert")
    _require(path, config, "hidden_act", "gelu")
    _require(path, config, "position_embedding_type", "absolute", default="absolute")
    _check_modules(folder / "modules.json")
    return Settings(
        layers=_number(path, config, "num_hidden_layers"),
        heads=_number(path, config, "num_attention_heads"),
        dimensions=_number(path, config, "hidden_size"),
        vocabulary=_number(path, config, "vocab_size"),
        epsilon=float(config.get("layer_norm_eps", 1e-12)),
        window=_window(folder / "sentence_bert_config.json", _number(path, config, "max_position_embeddings")),
        pooling=_pooling(folder / "1_Pooling" / "config.json"),
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EmbedderError(f"cannot be read: {error}", where=str(path)) from error
    if not isinstance(found, dict):
        raise EmbedderError("is not a JSON object", where=str(path))
    return cast("dict[str, Any]", found)


def _require(path: Path, config: dict[str, Any], key: str, expected: str, default: str | None = None) -> None:
    found = config.get(key, default)
    if found != expected:
        raise EmbedderError(
            f"this embedder cannot run {key} {found!r}", where=str(path), expected=repr(expected), hint=_OTHER_NETWORKS
        )


def _number(path: Path, config: dict[str, Any], key: str) -> int:
    found = config.get(key)
    if not isinstance(found, int) or found < 1:
        raise EmbedderError(f"{key} is wrong", where=str(path), expected="a positive number", found=repr(found))
    return found


def _window(path: Path, positions: int) -> int:
    """The length that the model was made for, where it is said; the network itself may take more."""
    sentence = _read(path) if path.is_file() else {}
    if sentence.get("max_seq_length") is None:
        return positions
    return min(_number(path, sentence, "max_seq_length"), positions)


def _pooling(path: Path) -> Pooling:
    """Mean unless the file says otherwise: that is what sentence-transformers does with a bare network."""
    if not path.is_file():
        return "mean"
    modes = {key for key, on in _read(path).items() if key.startswith("pooling_mode_") and on is True}
    if modes == {"pooling_mode_mean_tokens"}:
        return "mean"
    if modes == {"pooling_mode_cls_token"}:
        return "cls"
    raise EmbedderError(
        "this embedder cannot pool so", where=str(path), expected="mean or cls alone", found=", ".join(sorted(modes))
    )


def _check_modules(path: Path) -> None:
    """A model may end in a step beyond pooling, a dense layer for one; leaving it out would give other vectors."""
    if not path.is_file():
        return
    try:
        steps = [str(step["type"]).rpartition(".")[2] for step in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise EmbedderError(f"cannot be read: {error}", where=str(path)) from error
    unknown = sorted(set(steps) - {"Transformer", "Pooling", "Normalize"})
    if unknown:
        raise EmbedderError(f"this embedder has no {unknown[0]} layer", where=str(path), hint=_OTHER_NETWORKS)
