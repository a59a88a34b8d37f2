"""The compiled network: made once, kept on disk, shared by all threads."""

from __future__ import annotations

import hashlib
import importlib
import queue
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ragstone.connectors.openvino import graph
from ragstone.connectors.openvino.batches import Batch, batches
from ragstone.connectors.openvino.cache import Cache
from ragstone.connectors.openvino.once import Once
from ragstone.connectors.openvino.safetensors import read_tensors
from ragstone.connectors.openvino.settings import Settings
from ragstone.errors import EmbedderError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ragstone.compact import Compact, Projection
    from ragstone.types import Matrix

__all__ = ["Runtime"]

# Batches that run at once. Each takes some 25 MB; more than one for every four cores gains little.
_FEWEST_STREAMS, _MOST_STREAMS = 2, 8


class Runtime:
    """Runs rows of token ids. Any number of threads may call it at once; they take turns batch by batch.

    Of its two networks, over the same weights, one runs several batches at once, and the other one batch on all cores:
    a question has nothing beside it, and takes two thirds of the time there.
    """

    def __init__(self, weights: Path, settings: Settings, *, cache: Cache, key: str, threads: int | None) -> None:
        """Compiles the network, or takes it from the cache: `key` names these weights and settings there."""
        ov = _import_openvino()
        core = ov.Core()
        self.dimensions = settings.dimensions
        self.precision = _precision(core)
        cores = threads or core.get_property("CPU", "RANGE_FOR_STREAMS")[1]
        self.streams = min(cores, max(_FEWEST_STREAMS, min(cores // 4, _MOST_STREAMS)))
        options = {
            "INFERENCE_PRECISION_HINT": self.precision,
            # Bound to fixed cores, two processes wait for the same ones while others lie idle.
            "ENABLE_CPU_PINNING": False,
            **({"INFERENCE_NUM_THREADS": threads} if threads else {}),
        }
        compiler = _Compiler(ov, core, weights, settings, cache, key)
        self._several = Once(lambda: compiler.network(self.streams, options))
        self._single = Once(lambda: compiler.network(1, options))

    def pooled(self, rows: Sequence[Sequence[int]]) -> Matrix:
        """One vector of length 1 for each row, shape (len(rows), dimensions)."""
        vectors = np.zeros((len(rows), self.dimensions), np.float32)

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

    def both(self, rows: Sequence[Sequence[int]], by: Projection) -> tuple[Matrix, list[Compact]]:
        """What `pooled` gives, and the compact rows of each row's tokens, the first and the last one left out."""
        vectors, found = np.zeros((len(rows), self.dimensions), np.float32), dict[int, "Compact"]()

        def keep(batch: Batch, request: Any) -> None:
            vectors[list(batch.rows)] = request.get_tensor("pooled").data
            states = request.get_tensor("tokens").data
            for place, row in enumerate(batch.rows):
                found[row] = by.rows(_unit(states[place, 1 : len(rows[row]) - 1]))

        self._run(rows, keep)
        return _unit(vectors), [found[row] for row in range(len(rows))]

    def _run(self, rows: Sequence[Sequence[int]], keep: Callable[[Batch, Any], None]) -> None:
        """Runs all rows, some batches at once, and hands each batch with its results to `keep`."""
        todo = list(batches([len(row) for row in rows]))
        network = self._single() if len(rows) == 1 else self._several()

        def run(batch: Batch) -> None:
            network.run(_padded(rows, batch), lambda request: keep(batch, request))

        if len(todo) == 1:  # no threads for it
            run(todo[0])
            return
        with ThreadPoolExecutor(self.streams, thread_name_prefix="embed") as pool:
            for _ in pool.map(run, todo):
                pass


class _Network:
    """A compiled network with a request for each of its streams, and the memory that it reads from."""

    def __init__(self, network: Any, memory: Any, streams: int) -> None:
        self._requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for _ in range(streams):
            self._requests.put(network.create_infer_request())
        # The network does not keep this memory alive by itself. Set last, it is freed last.
        self._memory = memory

    def run(self, inputs: dict[str, NDArray[np.int32]], keep: Callable[[Any], None]) -> None:
        request = self._requests.get()
        try:
            request.infer(inputs, share_inputs=True)
            keep(request)
        except RuntimeError as error:
            raise _failed(error) from error
        finally:
            self._requests.put(request)


def _precision(core: Any) -> str:
    """bfloat16 where the processor has instructions for it, float32 elsewhere.

    Not with AMX alone: on an AMD EPYC that has AVX512_BF16 and no AMX, half the processor time of float32 was measured,
    and cosines to float32 above 0.9999, see benchmarks/embedder.py.
    """
    return "bf16" if "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "f32"


class _Compiler:
    """Compiles a network, or takes it from the cache.

    A kept network says which OpenVINO and which instructions it is for, and OpenVINO refuses one that does not fit or
    is not whole: then it is compiled again. It is mapped, not read, and once for all networks: OpenVINO's own CACHE_DIR
    takes 80 MB more.
    """

    def __init__(self, ov: Any, core: Any, weights: Path, settings: Settings, cache: Cache, key: str) -> None:
        source = Path(graph.__file__).read_bytes()  # so that a changed graph finds nothing of an older one
        self._name = f"{hashlib.blake2b(source + key.encode(), digest_size=16).hexdigest()}.blob"
        self._ov, self._core, self._weights, self._settings, self._cache = ov, core, weights, settings, cache
        self._mapped = Once(self._map)

    def network(self, streams: int, options: dict[str, Any]) -> _Network:
        """A network that runs so many batches at once. Raises EmbedderError where OpenVINO cannot run it."""
        try:
            return _Network(*self._compiled(options | {"NUM_STREAMS": streams}), streams)
        except RuntimeError as error:
            raise _failed(error) from error

    def _compiled(self, options: dict[str, Any]) -> tuple[Any, Any]:
        """The compiled network and the memory that it reads from."""
        try:
            blob = self._mapped()
            return self._core.import_model(blob, "CPU", options), blob
        except (RuntimeError, OSError, ValueError):  # OSError: there is none yet. ValueError: the file is empty
            self._mapped.forget()
        model = graph.build(self._ov, self._settings, read_tensors(self._weights))
        network = self._core.compile_model(model, "CPU", options)
        self._cache.keep(self._name, network.export_model().getbuffer())
        return network, model

    def _map(self) -> Any:
        kept = self._cache.find(self._name)
        if kept is None:
            raise FileNotFoundError(self._name)
        return self._ov.Tensor(np.memmap(kept, np.uint8, "c"), shared_memory=True)


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
    """Imports OpenVINO without its telemetry, which sends an event from within the import itself.

    The package goes on without openvino_telemetry where that is not installed; so it is hidden while the import lasts.
    """
    hidden = "openvino_telemetry"
    if hidden in sys.modules:
        return importlib.import_module("openvino")
    sys.modules[hidden] = None  # pyright: ignore[reportArgumentType]
    try:
        return importlib.import_module("openvino")
    finally:
        sys.modules.pop(hidden, None)


def _failed(error: RuntimeError) -> EmbedderError:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return EmbedderError(f"OpenVINO cannot run the network: {lines[-1] if lines else 'it gives no reason'}")
