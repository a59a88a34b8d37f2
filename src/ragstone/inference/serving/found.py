"""Finds the model that is meant: a folder, one in the cache of Hugging Face, or figures that were stated."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ragstone.errors import UsageError
from ragstone.inference.serving.config import read_config
from ragstone.inference.serving.shape import Layers, Shape
from ragstone.inference.serving.weights import Weights, read_weights, stated_weights

__all__ = ["Figures", "Found", "find_model"]

VOCABULARY = 152_064  # of the larger ones that are in use, so that a plan asks for too much and not for too little
STATE = "--params 8b --layers 36 --kv-heads 8 --head-dim 128"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Figures of a model that a person states. They go before what its files say; None for those not stated."""

    parameters: int | None = None
    layers: int | None = None
    heads: int | None = None
    kv_heads: int | None = None
    head_dim: int | None = None
    hidden: int | None = None
    vocabulary: int | None = None

    @property
    def architecture(self) -> bool:
        """Whether they say enough of the layers to do without a config.json."""
        return None not in (self.layers, self.kv_heads, self.head_dim)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A model. `asked` is what vLLM is told to serve; `folder` is None where figures alone are known."""

    asked: str
    shape: Shape
    weights: Weights
    folder: Path | None


def find_model(name: str, figures: Figures, *, environment: Mapping[str, str] = os.environ) -> Found:
    """The model of a name or of a folder. Nothing is downloaded. Raises UsageError where too little is known of it."""
    folder = _folder(name, environment)
    if folder is None:
        return _stated(name, figures, environment)
    shape = read_config(folder)
    if not Path(name).expanduser().is_dir():
        shape = replace(shape, name=name.rpartition("/")[2])
    weights = stated_weights(figures.parameters, shape) if figures.parameters else read_weights(folder, shape)
    if weights is None:
        raise UsageError(
            "there are no weights",
            where=str(folder),
            expected="files *.safetensors, or model.safetensors.index.json",
            hint="Or state how many there are: --params 8b",
        )
    return Found(asked=name, shape=shape, weights=weights, folder=folder)


def _folder(name: str, environment: Mapping[str, str]) -> Path | None:
    path = Path(name).expanduser()
    if path.is_dir():
        return path
    if path.exists():
        raise UsageError("it is a file", where=name, expected="the folder that it lies in")
    return _cached(name, environment)


def _cache(environment: Mapping[str, str]) -> Path:
    """Where Hugging Face's libraries keep what they downloaded."""
    home = environment.get("HF_HOME") or Path(environment.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    return Path(environment.get("HF_HUB_CACHE") or Path(home) / "hub").expanduser()


def _cached(name: str, environment: Mapping[str, str]) -> Path | None:
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", name):
        return None
    kept = _cache(environment) / f"models--{name.replace('/', '--')}"
    head = kept / "refs" / "main"
    snapshots = [kept / "snapshots" / head.read_text().strip()] if head.is_file() else []
    snapshots += sorted((kept / "snapshots").glob("*"))
    return next((path for path in snapshots if (path / "config.json").is_file()), None)


def _stated(name: str, figures: Figures, environment: Mapping[str, str]) -> Found:
    if figures.parameters is None or not figures.architecture:
        lacks = [
            option
            for option, value in (
                ("--params", figures.parameters),
                ("--layers", figures.layers),
                ("--kv-heads", figures.kv_heads),
                ("--head-dim", figures.head_dim),
            )
            if value is None
        ]
        some = len(lacks) < 4
        raise UsageError(
            f"also state {' and '.join(lacks)}" if some else "it is no folder, and not in the cache of Hugging Face",
            where=name,
            found=None if some else f"nothing of that name in {_cache(environment)}",
            hint=f"Nothing is downloaded here. Name its folder, or state its figures, such as: {STATE}",
        )
    shape = _shape(name, figures, figures.parameters)
    return Found(asked=name, shape=shape, weights=stated_weights(figures.parameters, shape), folder=None)


def _shape(name: str, figures: Figures, parameters: int) -> Shape:
    """The architecture of stated figures. A block of n numbers has about 12 n² parameters, which gives the width."""
    assert figures.layers is not None
    assert figures.kv_heads is not None
    assert figures.head_dim is not None
    hidden = figures.hidden or math.ceil(math.sqrt(parameters / 12 / figures.layers) / 128) * 128
    fitting = math.ceil(hidden / figures.head_dim / figures.kv_heads) * figures.kv_heads
    given = {"hidden": figures.hidden, "heads": figures.heads, "vocabulary": figures.vocabulary}
    return Shape(
        name=name.rstrip("/").rpartition("/")[2],
        layers=[Layers(count=figures.layers, heads=figures.kv_heads, width=2 * figures.head_dim)],
        heads=figures.heads or fitting,
        hidden=hidden,
        inner=4 * hidden,
        vocabulary=figures.vocabulary or VOCABULARY,
        depth=figures.layers,
        assumed=tuple(word for word, value in given.items() if value is None),
    )
