"""`ragstone model plan`: whether a model fits, what would make it fit, and the command that serves it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.text import Text

from ragstone.cli import show
from ragstone.cli.models import wish as asked
from ragstone.cli.options import FAILED, Debug, Json, command
from ragstone.errors import UsageError
from ragstone.inference.serving import command as serving
from ragstone.inference.serving.explained import explained
from ragstone.inference.serving.found import Found
from ragstone.inference.serving.memory import UTILIZATION, Plan, plan
from ragstone.inference.serving.remedies import Remedy, remedies
from ragstone.inference.serving.sizes import gib

__all__ = ["folders", "lines", "plan_model", "unservable"]

WIDTH = 79


@command
def plan_model(
    name: asked.ModelName,
    gpu: asked.GpuName = None,
    gpus: asked.Gpus = 1,
    context: asked.Context = None,
    concurrency: asked.Concurrency = 16,
    quantization: asked.Quantization = None,
    kv_cache: asked.KvCache = "auto",
    dtype: asked.Dtype = "auto",
    speculative: asked.Speculative = None,
    lora: asked.Loras = None,
    utilization: asked.Utilization = UTILIZATION,
    params: asked.Params = None,
    layers: asked.LayerCount = None,
    heads: asked.Heads = None,
    kv_heads: asked.KvHeads = None,
    head_dim: asked.HeadDim = None,
    hidden: asked.Hidden = None,
    vocabulary: asked.Vocabulary = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show the arithmetic, line by line.")] = False,
    as_compose: Annotated[bool, typer.Option("--compose", help="Print a service for Docker Compose, too.")] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Say whether a model fits on a GPU, what would make it fit, and how to serve it. Exits with 1 where it does not.

    Nothing is downloaded: a model that is not on this machine is planned from its stated figures.
    """
    wish = asked.Wish(
        gpu=gpu,
        gpus=gpus,
        context=context,
        concurrency=concurrency,
        quantization=quantization,
        kv_cache=kv_cache,
        dtype=dtype,
        speculative=speculative,
        loras=lora or [],
        utilization=utilization,
        params=params,
        layers=layers,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        hidden=hidden,
        vocabulary=vocabulary,
    )
    model = wish.model(name)
    chosen = wish.found_gpu()
    if chosen is None:
        raise UsageError("this machine has no GPU that nvidia-smi lists", hint="Name one: --gpu h100")
    found = plan(wish.load(model, chosen))
    if as_json:
        show.as_json(_as_dict(model, found))
    else:
        _print(model, found, explain=explain, as_compose=as_compose)
    if not found.fits:
        raise typer.Exit(FAILED)


def folders(model: Found, found: Plan) -> list[str]:
    """The folders that the server reads: the model's own, where it was named by it, a draft's and the adapters'."""
    load = found.load
    given = [model.asked] if model.folder is not None and str(model.folder) == model.asked else []
    given += [str(load.speculation.config["model"])] if load.speculation and load.speculation.shape else []
    return list(dict.fromkeys([*given, *(one.path for one in load.adapters)]))


def unservable(model: Found, found: Plan) -> str | None:
    """Why no command serves these weights as planned; None where one does."""
    method = found.load.method
    if method is None or method.flag is not None or model.shape.quantized or model.folder is None:
        return None
    return (
        f"These weights are stored in {model.shape.dtype}. vLLM makes fp8 of them as it loads, but not {method.name}: "
        "serve a checkpoint that was quantised so."
    )


def lines(found: Plan) -> Iterator[tuple[str, float]]:
    """What is needed on each GPU: what it is, and its bytes."""
    load = found.load
    yield "memory of a GPU", load.gpu.memory
    yield f"of it for vLLM, {100 * load.utilization:g} %", found.budget
    way = load.shape.quantized or (load.method.name if load.method else load.shape.dtype)
    yield f"weights, {way}", found.weights
    if load.adapters:
        yield f"{len(load.adapters)} LoRA adapter{'s' * (len(load.adapters) != 1)}", found.adapters
    if found.draft and load.speculation:
        yield f"draft, {load.speculation.name}", found.draft
    yield "activations", found.activations
    yield "CUDA graphs and libraries", found.graphs
    yield "left for the KV cache", found.room
    yield "KV cache of a request", found.request
    yield f"KV cache of all {load.concurrency:,}", found.cache


# ── Showing ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _print(model: Found, found: Plan, *, explain: bool, as_compose: bool) -> None:
    load = found.load
    requests = f"{load.concurrency:,} request{'s' * (load.concurrency != 1)} at once, {load.context:,} tokens each"
    _say(f"{model.shape.name} on {load.gpus} × {load.gpu.name}: {requests}", style="bold")
    each = " on each GPU" if load.gpus > 1 else ""
    _say("")
    for what, size in lines(found):
        _say(f"  {what:34} {gib(size):>12}")
    _say("")
    _say(*_verdict(found, each))
    if explain:
        _print_explained(found)
    if not found.fits:
        _print_remedies(remedies(found))
        return
    if reason := unservable(model, found):
        _say("")
        _say(*_wrapped(reason))
        return
    _say("")
    _say(serving.shown(["vllm", "serve", model.asked, *serving.arguments(load)]))
    if as_compose:
        _say("")
        _say(serving.compose(load, model.asked, folders=folders(model, found)))


def _verdict(found: Plan, each: str) -> list[str]:
    load = found.load
    if found.room <= 0:
        return _wrapped(f"It does not fit: the model alone is {gib(-found.room)} too much{each}.")
    fitting = f"At {load.context:,} tokens, {found.concurrency:,} fit{'s' * (found.concurrency == 1)} at once"
    longest = f"{load.concurrency:,} at once fit with {found.context:,} tokens each"
    if found.fits:
        return _wrapped(f"It fits: {gib(found.room - found.cache)} are free{each}. {fitting}; {longest}.")
    return _wrapped(f"It does not fit: {gib(found.missing)} too much{each}. {fitting}; {longest}.")


def _print_explained(found: Plan) -> None:
    _say("")
    for what, arithmetic in explained(found):
        first = f"{what}:"
        for line in arithmetic:
            for part in textwrap.wrap(line, WIDTH - 13, break_on_hyphens=False):
                _say(f"{first:12} {part}")
                first = ""


def _print_remedies(found: list[Remedy]) -> None:
    _say("", "What would make it fit, the cheapest first:")
    enough = [one for one in found if one.enough]
    for one in [*enough, *(one for one in found if not one.enough)]:
        short = "" if one.enough else f" (not enough alone: {one.concurrency:,} fit at once)"
        for number, line in enumerate(textwrap.wrap(f"{one.means}{short}", WIDTH - 26)):
            _say(f"  {one.change if number == 0 else '':22}  {line}")


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, break_on_hyphens=False)


def _say(*given: str, style: str = "") -> None:
    for line in given:
        show.out.print(Text(line, style=style), soft_wrap=True)


def _as_dict(model: Found, found: Plan) -> dict[str, Any]:
    load, reason = found.load, unservable(model, found)
    served = ["vllm", "serve", model.asked, *serving.arguments(load)]
    return {
        "model": model.asked,
        "gpu": load.gpu.name,
        "gpus": load.gpus,
        "context": load.context,
        "concurrency": load.concurrency,
        "fits": found.fits,
        "bytes": {
            "gpu": load.gpu.memory,
            "budget": round(found.budget),
            "weights": round(found.weights),
            "lora": round(found.adapters),
            "draft": round(found.draft),
            "activations": round(found.activations),
            "graphs": round(found.graphs),
            "request": round(found.request),
            "cache": round(found.cache),
            "missing": round(found.missing),
        },
        "parameters": load.weights.parameters or None,
        "fitting": {"concurrency": found.concurrency, "context": found.context},
        "remedies": [
            {"change": one.change, "means": one.means, "enough": one.enough, "concurrency": one.concurrency}
            for one in remedies(found)
        ],
        "command": served if found.fits and reason is None else None,
        "note": reason,
        "explained": dict(explained(found)),
    }
