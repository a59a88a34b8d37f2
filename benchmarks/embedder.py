"""What the default embedder costs: load time, speed, memory, and how true its precision is.

    python benchmarks/embedder.py

Each figure comes from a process of its own, because peak memory never falls. Where sentence-transformers is installed,
it is measured beside us on the same texts. Machines are noisy: compare figures of one run alone.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

QUESTION = "How many moons does Jupiter have?"
SCRIPTS = ("", QUESTION, "你好，世界", "Καλημέρα κόσμε", "नमस्ते दुनिया", "x" * 500, "a " * 250)


def passages(count: int) -> list[str]:
    """English prose of 1 to 110 words, most of it short: Python's language reference, which comes with Python."""
    words = [word for word in " ".join(topics.values()).split() if word.isalpha()]
    chance = random.Random(7)
    lengths = [min(110, 1 + int(chance.expovariate(1 / 50))) for _ in range(count)]
    starts = [chance.randrange(len(words) - length) for length in lengths]
    return [" ".join(words[start : start + length]) for start, length in zip(starts, lengths, strict=True)]


def peak_mb() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (1024 if sys.platform != "darwin" else 1024 * 1024)


def machine() -> str:
    try:
        flags = set(Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").split())
    except OSError:
        flags = set()
    found = [name for name in ("amx_bf16", "avx512_bf16", "avx512f", "avx2") if name in flags]
    return (
        f"{os.cpu_count()} cores, {'AMX' if 'amx_bf16' in flags else 'no AMX'} ({', '.join(found) or 'flags unknown'})"
    )


async def load(cache: Path) -> dict[str, Any]:
    """Import, load and the first question, in a process that has done nothing before."""
    started = time.perf_counter()
    from ragstone.connectors.openvino import OpenVINOEmbedder
    from ragstone.types import Context

    embedder = OpenVINOEmbedder(cache=cache)
    await embedder.embed_query(QUESTION, context=Context())
    first = time.perf_counter() - started
    seconds = [await _timed(embedder.embed_query(QUESTION, context=Context())) for _ in range(100)]
    return {"first": first, "p50": statistics.median(seconds), "peak": peak_mb()}


async def _timed(awaitable: Any) -> float:
    started = time.perf_counter()
    await awaitable
    return time.perf_counter() - started


async def bulk(cache: Path, count: int) -> dict[str, Any]:
    from ragstone.connectors.openvino import OpenVINOEmbedder
    from ragstone.types import Context

    embedder = OpenVINOEmbedder(cache=cache)
    await embedder.load()
    texts = passages(count)
    ids = [embedder.tokens(text)[0] for text in texts]
    started, worked = time.perf_counter(), time.process_time()
    await embedder.embed(texts, ids=ids, context=Context())
    seconds, work = time.perf_counter() - started, time.process_time() - worked
    return {"rate": count / seconds, "work": count / work, "tokens": sum(map(len, ids)) / count, "peak": peak_mb()}


async def precision(cache: Path, count: int) -> dict[str, Any]:
    """The lowest cosines of our vectors to those of the same network in float32."""
    from ragstone.connectors.openvino import OpenVINOEmbedder, runtime
    from ragstone.types import Context

    texts = [*passages(count), *SCRIPTS]

    async def run() -> tuple[Any, Any, str]:
        embedder = OpenVINOEmbedder(cache=cache)
        pooled = await embedder.embed(texts, context=Context())
        tokens = await embedder.embed_tokens(texts, context=Context())
        return pooled, tokens, embedder._runtime().precision

    ours, our_tokens, used = await run()
    runtime._precision = lambda core: "f32"
    exact, exact_tokens, _ = await run()
    by_token = [(a * b).sum(1).min() for a, b in zip(our_tokens, exact_tokens, strict=True) if len(a)]
    return {"precision": used, "worst": float((ours * exact).sum(1).min()), "worst_token": float(min(by_token))}


async def peer(_cache: Path, count: int) -> dict[str, Any]:
    started = time.perf_counter()
    from sentence_transformers import SentenceTransformer  # pyright: ignore[reportMissingImports]

    from ragstone.connectors.openvino import OpenVINOEmbedder

    model = SentenceTransformer(str(OpenVINOEmbedder()._folder()), device="cpu")
    model.encode([QUESTION])
    first = time.perf_counter() - started
    texts = passages(count)
    started, worked = time.perf_counter(), time.process_time()
    model.encode(texts, normalize_embeddings=True)
    seconds, work = time.perf_counter() - started, time.process_time() - worked
    return {"first": first, "rate": count / seconds, "work": count / work, "peak": peak_mb()}


MEASURES = {"load": load, "bulk": bulk, "precision": precision, "peer": peer}


def measured(name: str, *arguments: str) -> dict[str, Any]:
    command = [sys.executable, __file__, "--measure", name, *arguments]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def report(count: int) -> None:
    with tempfile.TemporaryDirectory() as cache:
        cold = measured("load", cache)
        warm = [measured("load", cache) for _ in range(5)]
        many = measured("bulk", cache, str(count))
        true = measured("precision", cache, str(min(count, 500)))
    row("machine", machine())
    row(
        "precision",
        f"{true['precision']}; lowest cosine to f32: {true['worst']:.6f}, of one token {true['worst_token']:.6f}",
    )
    row(
        "first question",
        f"{spread(warm, 'first', 's')} with import and load; {cold['first']:.2f} s with nothing compiled yet",
    )
    row("next questions", f"{spread(warm, 'p50', 'ms', 1000)} each; peak memory {max(run['peak'] for run in warm)} MB")
    row(f"{count:,} texts", f"{rates(many)}; {many['tokens']:.0f} tokens each; peak memory {many['peak']} MB")
    if importlib.util.find_spec("sentence_transformers"):
        other = measured("peer", cache, str(count))
        row(
            "sentence-transformers",
            f"first question {other['first']:.2f} s; {rates(other)}; peak memory {other['peak']} MB",
        )


def row(name: str, figures: str) -> None:
    print(f"{name:<22} {figures}")


def rates(run: dict[str, Any]) -> str:
    return f"{run['rate']:.0f} texts/s, {run['work']:.0f} per second of processor time"


def spread(runs: Sequence[dict[str, Any]], key: str, unit: str, factor: float = 1) -> str:
    values = [run[key] * factor for run in runs]
    return f"{min(values):.2f} to {max(values):.2f} {unit}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--texts", type=int, default=2000, help="how many texts to embed")
    parser.add_argument("--measure", nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        name, cache, *rest = given.measure
        print(json.dumps(asyncio.run(MEASURES[name](Path(cache), *(int(word) for word in rest)))))
    else:
        report(given.texts)


if __name__ == "__main__":
    main()
