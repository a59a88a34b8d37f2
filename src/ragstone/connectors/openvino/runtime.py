"""The compiled network: made once, kept on disk, and shared by every thread."""

from __future__ import annotations

import hashlib
import importlib
import os
import queue
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ragstone.connectors.openvino import graph
from ragstone.connectors.openvino.batches import Batch, batches
from ragstone.connectors.openvino.files import Cache
from ragstone.connectors.openvino.safetensors import read_tensors
from ragstone.connectors.openvino.settings import Settings
from ragstone.errors import EmbedderError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ragstone.types import Matrix

__all__ = ["Runtime"]

_STREAMS = 2  # batches that run at the same time


class Runtime:
    """Runs rows of token ids. Any number of threads may call it; they take turns batch by batch."""

    def __init__(self, weights: Path, settings: Settings, *, cache: Cache, fingerprint: str, threads: int | None) -> None:
        ov = _import_openvino()
        core = ov.Core()
        self.settings = settings
        self.precision = "bf16" if "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "f32"
        threads = threads or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self.streams = min(_STREAMS, threads)
        options = {
            "INFERENCE_PRECISION_HINT": self.precision,
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": self.streams,
        }
        key = f"{fingerprint} {ov.get_version()} {self.precision} {core.get_property('CPU', 'FULL_DEVICE_NAME')}"
        try:
            # The memory is held here because the compiled network reads from it, and does not keep it alive itself.
            model, self._memory = _compiled(ov, core, weights, settings, options, cache, key)
            self._requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
            for _ in range(self.streams):
                self._requests.put(model.create_infer_request())
        except RuntimeError as error:
            raise _failed(error) from error

    def pooled(self, rows: Sequence[Sequence[int]]) -> Matrix:
        """One vector of length 1 for each row, shape (len(rows), dimensions)."""
        vectors = np.zeros((len(rows), self.settings.dimensions), np.float32)

        def keep(batch: Batch, request: Any) -> None:
            vectors[list(batch.rows)] = request.get_tensor("pooled").data

        self._run(rows, keep)
        return _unit(vectors)

    def tokens(self, rows: Sequence[Sequence[int]]) -> list[Matrix]:
        """For each row the vectors of its tokens, each of length 1, shape (tokens, dimensions)."""
        found: dict[int, Matrix] = {}

        def keep(batch: Batch, request: Any) -> None:
            states = request.get_tensor("tokens").data
            for place, row in enumerate(batch.rows):
                found[row] = _unit(states[place, : len(rows[row])])

        self._run(rows, keep)
        return [found[row] for row in range(len(rows))]

    def _run(self, rows: Sequence[Sequence[int]], keep: Callable[[Batch, Any], None]) -> None:
        def run(batch: Batch) -> None:
            inputs = _padded(rows, batch)
            request = self._requests.get()
            try:
                request.infer(inputs, share_inputs=True)
                keep(batch, request)
            except RuntimeError as error:
                raise _failed(error) from error
            finally:
                self._requests.put(request)

        todo = list(batches([len(row) for row in rows]))
        if len(todo) == 1:
            run(todo[0])
            return
        with ThreadPoolExecutor(self.streams, thread_name_prefix="embed") as pool:
            for _ in pool.map(run, todo):
                pass


def _compiled(
    ov: Any, core: Any, weights: Path, settings: Settings, options: dict[str, Any], cache: Cache, key: str
) -> tuple[Any, Any]:
    """The network from the cache, else built, compiled and kept. A changed graph.py finds no older network."""
    source = Path(graph.__file__).read_bytes()
    name = hashlib.blake2b(key.encode() + source, digest_size=16).hexdigest() + ".blob"
    kept = cache.find(name)
    if kept is not None:
        # Mapped rather than read: 80 MB less in memory than OpenVINO's own CACHE_DIR takes.
        blob = ov.Tensor(np.memmap(kept, np.uint8, "c"), shared_memory=True)
        return core.import_model(blob, "CPU", options), blob
    network = graph.build(ov, settings, read_tensors(weights))
    compiled = core.compile_model(network, "CPU", options)
    cache.keep(name, compiled.export_model().getbuffer())
    return compiled, network


def _padded(rows: Sequence[Sequence[int]], batch: Batch) -> dict[str, NDArray[np.int32]]:
    ids = np.zeros((len(batch.rows), batch.width), np.int32)
    lengths = np.array([len(rows[row]) for row in batch.rows], np.int32)
    for place, row in enumerate(batch.rows):
        ids[place, : lengths[place]] = rows[row]
    return {"ids": ids, "lengths": lengths}


def _unit(vectors: NDArray[np.float32]) -> Matrix:
    """Scales to length 1 in float32, whatever precision the network ran in."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


def _import_openvino() -> Any:
    """Imports the package without its telemetry: at import it would report itself to a server."""
    hidden = "openvino_telemetry"
    if hidden in sys.modules:
        return importlib.import_module("openvino")
    sys.modules[hidden] = None  # pyright: ignore[reportArgumentType]
    try:
        return importlib.import_module("openvino")
    finally:
        del sys.modules[hidden]


def _failed(error: RuntimeError) -> EmbedderError:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return EmbedderError(f"OpenVINO cannot run the network: {lines[-1] if lines else 'no reason given'}")
