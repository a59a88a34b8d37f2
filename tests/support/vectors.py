"""Records that are the same in every process, and processes that write and find them in a Chroma store."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ragstone.connectors.chroma import ChromaStore
from ragstone.testing.suites.samples import chunk
from ragstone.types import Context, Record

CONTEXT = Context()
DIMENSIONS = 16

BEGINNING = """
import asyncio, sys, time
from pathlib import Path
from vectors import *
from ragstone.connectors.chroma import ChromaStore, places
folder, first, last = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
"""


def record(at: int) -> Record:
    """One of any number of records, the same one in every process."""
    vector = np.random.default_rng(at).normal(size=DIMENSIONS).astype(np.float32)
    return Record(chunk(f"c{at}", metadata={"at": at}), vector / np.linalg.norm(vector))


def records(first: int, last: int) -> list[Record]:
    return [record(at) for at in range(first, last)]


async def lost(store: ChromaStore, ats: Sequence[int]) -> list[int]:
    """Those of the records that a search for them does not find."""
    found = [await store.search(record(at).vector, k=1, context=CONTEXT) for at in ats]
    return [at for at, hits in zip(ats, found, strict=True) if [hit.id for hit in hits] != [f"c{at}"]]


def process(code: str, folder: Path, first: int = 0, last: int = 0) -> subprocess.Popen[str]:
    """Another process that runs `code`, in which `folder`, `first` and `last` are set."""
    script = BEGINNING + code
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        [sys.executable, "-c", script, str(folder), str(first), str(last)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
