"""Trains the detectors of injections on all shared data that may be learned from, and on our own examples.

    RAGSTONE_DATA=... python benchmarks/train_injection.py [--vectors FILE]

It writes `src/ragstone/validation/injection/weights.json`: the same bytes for the same data on the same kind of
processor. `--vectors` keeps the vectors for the next run.
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from injections.data import Remembering, permitted

from ragstone.evaluation.injections.training import train
from ragstone.types import Context
from ragstone.validation.injection.detector import read_texts

TARGET = Path(__file__).parents[1] / "src" / "ragstone" / "validation" / "injection" / "weights.json"
ON = "BIPIA, jailbreak_*, NotInject, wildguard_benign, XQuAD, CMRC 2018 and examples of our own; see model_card.md"


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectors", type=Path)
    parser.add_argument("--to", type=Path, default=TARGET)
    options = parser.parse_args()
    examples = permitted()
    embedder = Remembering(options.vectors)
    read = await read_texts(examples.texts, embedder, context=Context())
    await embedder.close()
    reads = {text: one for text, one in zip(examples.texts, read, strict=True) if one is not None}
    weights = train(examples.read(reads), reads, embedder=embedder.fingerprint, on=ON)
    options.to.write_text(weights.dump(), encoding="utf-8")
    print(f"{len(examples.texts):,} texts, {options.to.stat().st_size:,} bytes: {options.to.name}")


if __name__ == "__main__":
    asyncio.run(main())
