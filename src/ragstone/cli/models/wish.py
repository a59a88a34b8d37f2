"""The options by which a person says what is to be served, and on what."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Annotated

import typer

from ragstone.errors import UsageError, nearest
from ragstone.inference.serving import sizes
from ragstone.inference.serving.adapters import find_adapter
from ragstone.inference.serving.found import Figures, Found, find_model
from ragstone.inference.serving.gpus import Gpu, find_gpu, gpu_here
from ragstone.inference.serving.memory import UTILIZATION, Load
from ragstone.inference.serving.quantization import Method, find_method, kv_bytes, stored_method
from ragstone.inference.serving.shape import FLOATS, Shape
from ragstone.inference.serving.speculation import find_speculation
from ragstone.inference.serving.weights import Weights

__all__ = [
    "Concurrency",
    "Context",
    "Dtype",
    "GpuName",
    "Gpus",
    "HeadDim",
    "Heads",
    "Hidden",
    "KvCache",
    "KvHeads",
    "LayerCount",
    "Loras",
    "ModelName",
    "Params",
    "Quantization",
    "Speculative",
    "Utilization",
    "Vocabulary",
    "Wish",
]

FIGURES = "Figures of a model that is not here"

ModelName = Annotated[
    str, typer.Argument(metavar="NAME-or-DIR", help="A model's folder, or its name in the cache of Hugging Face.")
]
GpuName = Annotated[
    str | None, typer.Option("--gpu", metavar="GPU", help="Such as h200 or 24GiB; unless set, this machine's.")
]
Gpus = Annotated[int, typer.Option("--gpus", metavar="N", help="How many share the model (tensor parallelism).")]
Context = Annotated[
    str | None, typer.Option("--context", metavar="N", help="Tokens of a request and its answer, such as 32k.")
]
Concurrency = Annotated[int, typer.Option("--concurrency", metavar="N", help="Requests at once, each that long.")]
Quantization = Annotated[
    str | None, typer.Option("--quantization", metavar="WAY", help="fp8, mxfp8, int8, awq, gptq, int4, mxfp4 or nvfp4.")
]
KvCache = Annotated[str, typer.Option("--kv-cache", metavar="TYPE", help="auto, fp8, fp8_e4m3 or fp8_e5m2.")]
Dtype = Annotated[
    str, typer.Option("--dtype", metavar="TYPE", help="What it computes in: auto, bfloat16, float16 or float32.")
]
Speculative = Annotated[
    str | None, typer.Option("--speculative", metavar="WAY", help="ngram, eagle3:DIR or draft:DIR.")
]
Loras = Annotated[
    list[str] | None, typer.Option("--lora", metavar="NAME=DIR", help="An adapter to serve beside it. Repeatable.")
]
Utilization = Annotated[float, typer.Option("--utilization", metavar="X", help="The share of a GPU that vLLM takes.")]
Params = Annotated[
    str | None, typer.Option("--params", metavar="N", help="Parameters, such as 8b.", rich_help_panel=FIGURES)
]
LayerCount = Annotated[int | None, typer.Option("--layers", metavar="N", help="Layers.", rich_help_panel=FIGURES)]
Heads = Annotated[int | None, typer.Option("--heads", metavar="N", help="Attention heads.", rich_help_panel=FIGURES)]
KvHeads = Annotated[
    int | None, typer.Option("--kv-heads", metavar="N", help="Heads of keys and values.", rich_help_panel=FIGURES)
]
HeadDim = Annotated[
    int | None, typer.Option("--head-dim", metavar="N", help="The size of a head.", rich_help_panel=FIGURES)
]
Hidden = Annotated[
    int | None, typer.Option("--hidden", metavar="N", help="The size of a token.", rich_help_panel=FIGURES)
]
Vocabulary = Annotated[
    int | None, typer.Option("--vocabulary", metavar="N", help="The tokens that there are.", rich_help_panel=FIGURES)
]

USUAL_CONTEXT = 32 * 1024  # what connectors/local.yaml says of its model


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What was asked for."""

    gpu: str | None = None
    gpus: int = 1
    context: str | None = None
    concurrency: int
    quantization: str | None = None
    kv_cache: str = "auto"
    dtype: str = "auto"
    speculative: str | None = None
    loras: list[str] = field(default_factory=list[str])
    utilization: float = UTILIZATION
    params: str | None = None
    layers: int | None = None
    heads: int | None = None
    kv_heads: int | None = None
    head_dim: int | None = None
    hidden: int | None = None
    vocabulary: int | None = None

    def model(self, name: str) -> Found:
        """The model that is meant."""
        return find_model(name, self._figures())

    def load(self, model: Found, gpu: Gpu) -> Load:
        """What vLLM would have to serve. Raises UsageError for what contradicts itself."""
        shape = self._computed(model.shape)
        if not 0 < self.utilization <= 1:
            raise UsageError(
                "it is no share", where="--utilization", expected="above 0, and at most 1", found=str(self.utilization)
            )
        kv_bytes(self.kv_cache, shape.dtype)
        adapters = [find_adapter(one) for one in self.loras]
        names = [one.name for one in adapters]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise UsageError("two adapters have one name", where="--lora", found=twice)
        return Load(
            shape=shape,
            weights=model.weights,
            gpu=gpu,
            gpus=self.gpus,
            context=self._context(shape.limit),
            concurrency=self.concurrency,
            method=self._method(shape, model.weights),
            kv_cache=self.kv_cache,
            speculation=find_speculation(self.speculative, shape),
            adapters=adapters,
            utilization=self.utilization,
        )

    def _method(self, shape: Shape, weights: Weights) -> Method | None:
        method = find_method(self.quantization, shape)
        return method if method is not None or weights.packed else stored_method(shape)

    def _computed(self, shape: Shape) -> Shape:
        if self.dtype == "auto":
            return shape
        if self.dtype not in FLOATS:
            raise UsageError(
                f"{self.dtype!r} is no type to compute in",
                where="--dtype",
                expected=f"one of auto, {', '.join(FLOATS)}",
                hint=nearest(self.dtype, FLOATS),
            )
        return replace(shape, dtype=self.dtype)

    def found_gpu(self) -> Gpu | None:
        """The GPU that was named, or that of this machine; None where it has none."""
        return find_gpu(self.gpu) if self.gpu is not None else gpu_here()

    def _context(self, limit: int | None) -> int:
        if self.context is None:
            return min(USUAL_CONTEXT, limit or USUAL_CONTEXT)
        return sizes.tokens(self.context, where="--context")

    def _figures(self) -> Figures:
        stated = {
            "--layers": self.layers,
            "--heads": self.heads,
            "--kv-heads": self.kv_heads,
            "--head-dim": self.head_dim,
            "--hidden": self.hidden,
            "--vocabulary": self.vocabulary,
        }
        for option, value in stated.items():
            if value is not None and value < 1:
                raise UsageError("it is too low", where=option, expected="1 or more", found=str(value))
        return Figures(
            parameters=sizes.parameters(self.params, where="--params") if self.params is not None else None,
            layers=self.layers,
            heads=self.heads,
            kv_heads=self.kv_heads,
            head_dim=self.head_dim,
            hidden=self.hidden,
            vocabulary=self.vocabulary,
        )
