"""Documents that are added while others ask: each counts as acknowledged once the service has promised to ingest it."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Growing", "Promises"]

PARAGRAPHS = 4
PATIENCE = 300.0  # seconds
SENTENCE = "The keeper of lighthouse {number} writes in line {line} that the lamp was lit at {hour} o'clock. "


class Promises:
    """`POST /api/ingest`: what it answers with 202 is a promise, also where a replica ends before it is done."""

    def __init__(self, url: str, key: str) -> None:
        self._url, self._headers = f"{url}/api/ingest", {"authorization": f"Bearer {key}"}

    def __call__(self) -> None:
        """Asks for one. Raises OSError where it is not promised."""
        headers = {**self._headers, "content-type": "application/json"}
        self._read(urllib.request.Request(self._url, b"{}", headers))

    def wait(self) -> None:
        """Until all of them have ended."""
        end = time.monotonic() + PATIENCE
        while any(job["state"] in ("waiting", "running") for job in self._read(self._newest())):
            if time.monotonic() > end:
                raise TimeoutError("ingestions that were promised do not end")
            time.sleep(0.5)

    def _newest(self) -> urllib.request.Request:
        return urllib.request.Request(f"{self._url}?limit=100", headers=self._headers)

    @staticmethod
    def _read(request: urllib.request.Request) -> Any:
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            return json.load(response)


@dataclass
class Growing:
    """Adds a document every few seconds, and has it ingested: `ingest` raises OSError where nothing is promised."""

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
            except OSError as error:  # they stay, and the next one takes them, too
                self.failed.append({"at": time.time(), "said": str(error)[-300:]})
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
