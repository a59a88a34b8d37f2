"""Exports to MLflow, and prints as JSON every address that was looked up meanwhile. Runs in .venv-evals.

`theirs` leaves MLflow's telemetry on, by its own variable.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

SEEN: list[str] = []


def heard(event: str, arguments: tuple[Any, ...]) -> None:
    """Notes a look-up, and refuses it."""
    if event == "socket.getaddrinfo" and arguments[0] not in ("localhost", "127.0.0.1", None):
        SEEN.append(str(arguments[0]))
        raise OSError("refused")


sys.addaudithook(heard)
whose, folder = sys.argv[1], Path(sys.argv[2])
if whose == "theirs":
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "false"

import sample_runs  # noqa: E402
from ragstone.evaluation.reports.exports import mlflow  # noqa: E402

run = sample_runs.run(sample_runs.mixed(12, 0.5))
mlflow.export(run, sample_runs.METRICS, uri=f"sqlite:///{folder / 'quiet.db'}")
limit = time.monotonic() + (0 if whose == "ours" else 30)
while not SEEN and time.monotonic() < limit:  # it looks up from a thread of its own
    time.sleep(0.1)
print(json.dumps({"seen": sorted(set(SEEN))}))
