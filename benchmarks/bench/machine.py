"""What a row ran on: the machine, the day, and the versions of the packages in an environment."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

__all__ = ["described", "processor", "today", "versions"]

_ASK = """
import importlib.metadata, json, sys
found = {}
for name in sys.argv[1:]:
    try:
        found[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        found[name] = None
print(json.dumps(found))
"""


def described() -> dict[str, str | int]:
    """The machine: `cores` that this process may use, `cpu`, `memory` in GiB, `system` and `python`."""
    return {
        "cores": _cores(),
        "cpu": processor(),
        "memory": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": platform.python_version(),
    }


def today() -> str:
    """The day, as 2026-11-22, in UTC."""
    return datetime.now(UTC).date().isoformat()


def versions(python: str, packages: Sequence[str]) -> dict[str, str | None]:
    """The version of each package that this Python would import; None where it is not there."""
    asked = subprocess.run([python, "-c", _ASK, *packages], capture_output=True, text=True, check=True)
    return json.loads(asked.stdout)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processor() -> str:
    """The name of the processor, as its machine tells it."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()
