"""`ragstone model serve`: starts vLLM on this machine, and follows it."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated

import typer
from rich.status import Status
from rich.text import Text

from ragstone.cli import show
from ragstone.cli.models import wish as asked
from ragstone.cli.models.planning import folders, unservable
from ragstone.cli.options import Debug, command
from ragstone.errors import MissingExtra, RagstoneError, UsageError
from ragstone.inference.serving import command as serving
from ragstone.inference.serving import process
from ragstone.inference.serving.found import Found
from ragstone.inference.serving.gpus import Gpu
from ragstone.inference.serving.memory import UTILIZATION, Load, plan
from ragstone.inference.serving.remedies import remedies
from ragstone.inference.serving.sizes import gib

__all__ = ["serve_model"]

NO_GPU = Gpu(name="no GPU", memory=0)
STYLES = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "red"}


@command
def serve_model(
    name: asked.ModelName,
    flags: Annotated[
        list[str] | None, typer.Argument(metavar="[-- FLAG ...]", help="What else vLLM is told, as it stands.")
    ] = None,
    port: Annotated[int, typer.Option(help="The port to listen on, on this machine.", min=1, max=65535)] = 8000,
    served_name: Annotated[
        str | None, typer.Option("--served-name", metavar="NAME", help="What it is asked for by; unless set, NAME.")
    ] = None,
    python: Annotated[
        str | None, typer.Option("--python", metavar="FILE", help="The Python that has vLLM (RAGSTONE_VLLM_PYTHON).")
    ] = None,
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
    debug: Debug = False,
) -> None:
    """Serve a model of this machine with vLLM, on loopback, until Ctrl-C. What does not fit is not started."""
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
    )
    model = _here(wish, name)
    load = wish.load(model, wish.found_gpu() or NO_GPU)
    _require_fitting(model, load)
    called = served_name or model.shape.name
    _serve(model, load, flags or [], python=python, called=called, port=port)


def _here(wish: asked.Wish, name: str) -> Found:
    """The model, which has to be here: no figures stand in for its weights. Raises UsageError where it is not."""
    try:
        return wish.model(name)
    except UsageError as error:
        if error.hint is not None and "--params" in error.hint:
            error.hint = f"Nothing is downloaded here. Name its folder, or fetch it first: hf download {name}"
        raise


def _require_fitting(model: Found, load: Load) -> None:
    """Raises RagstoneError where the plan does not fit. Without a GPU there is nothing to plan for: vLLM decides."""
    found = plan(load)
    if reason := unservable(model, found):
        raise UsageError(reason, where="--quantization")
    if load.gpu is NO_GPU or found.fits:
        return
    best = next((one for one in remedies(found) if one.enough), None)
    raise RagstoneError(
        f"{load.concurrency:,} requests of {load.context:,} tokens do not fit: {gib(found.missing)} too much",
        where=f"{load.gpus} × {load.gpu.name}",
        hint=f"They would with {best.change}: {best.means}. All ways: ragstone model plan" if best else None,
    )


def _serve(model: Found, load: Load, flags: Sequence[str], *, python: str | None, called: str, port: int) -> None:
    try:
        found = process.python_with_vllm(python)
    except MissingExtra as error:
        line = shlex.join(serving.docker(load, model.asked, folders=folders(model, plan(load))))
        show.remarks([f"With Docker: {line}"])
        raise error from None
    arguments = [*serving.arguments(load, name=called), *flags]
    process.free(port)
    with Status(f"loading {called}", console=show.err) as status, suppress(KeyboardInterrupt):
        begun = time.monotonic()
        with process.started(found, _place(model), arguments, port=port, told=_told) as server:
            server.ready(lambda: status.update(f"loading {called}, {time.monotonic() - begun:.0f} s (Ctrl-C stops it)"))
            status.stop()
            _announce(server.url, called, time.monotonic() - begun)
            server.wait()


def _place(model: Found) -> str:
    """The folder that vLLM loads: of a name, the one in the cache, so that nothing is looked up."""
    assert model.folder is not None, "without figures a model is a folder"
    return str(model.folder)


def _announce(url: str, called: str, seconds: float) -> None:
    show.remarks([f"{called} is ready after {seconds:.0f} s. Ctrl-C stops it. In another terminal:"])
    show.out.print(f"export RAGSTONE_LOCAL_URL={url}/v1", soft_wrap=True, markup=False)
    show.out.print(f"export RAGSTONE_LOCAL_MODEL={shlex.quote(called)}", soft_wrap=True, markup=False)


def _told(line: process.Line) -> None:
    """A line of vLLM's log: faults in colour, and the rest dim. Its banner is left out."""
    if "█" in line.text or "▀" in line.text:
        return
    level = "" if line.level in ("", "INFO", "DEBUG") else f"{line.level.lower()}: "
    show.err.print(Text(f"{line.time:8} {level}{line.text}", style=STYLES.get(line.level, "dim")), soft_wrap=True)
