"""Documents that are added while others ask: each counts as acknowledged once an ingestion has said so."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Growing"]

PARAGRAPHS = 4
SENTENCE = "The keeper of lighthouse {number} writes in line {line} that the lamp was lit at {hour} o'clock. "


@dataclass
class Growing:
    """Adds a document every few seconds. `ingest` brings the index up to date, and raises CalledProcessError."""

    documents: Path
    ingest: Callable[[], object]
    every: float
    acknowledged: list[str] = field(default_factory=list[str])
    failed: list[dict[str, object]] = field(default_factory=list[dict[str, object]])
    runs: int = 0

    def __post_init__(self) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._grow)

    def __enter__(self) -> Growing:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _grow(self) -> None:
        waiting = list[str]()  # written, and not yet acknowledged
        while not self._over.wait(self.every):
            number = len(self.acknowledged) + len(waiting)
            path = self.documents / f"lighthouse-{number:05}.md"
            path.write_text(_text(number), encoding="utf-8")
            waiting.append(path.name)
            self.runs += 1
            try:
                self.ingest()
            except subprocess.CalledProcessError as error:  # they stay, and the next one takes them, too
                self.failed.append({"at": time.time(), "said": str(error.stderr)[-300:]})
            else:
                self.acknowledged += waiting
                waiting = []


def _text(number: int) -> str:
    parts = [
        "".join(SENTENCE.format(number=number, line=10 * part + line, hour=line + 1) for line in range(10))
        for part in range(PARAGRAPHS)
    ]
    return f"# Lighthouse {number}\n\n" + "\n\n".join(parts) + "\n"


def verified(said: str) -> int:
    """How many differences `ragstone index verify --json` has found."""
    return len(json.loads(said)["differences"])
