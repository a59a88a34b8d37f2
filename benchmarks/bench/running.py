"""Runs the sides of a row in turn, each in a process of its own, and reads one line of JSON from each."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from bench import environments, machine
from bench.results import summed
from bench.row import Row, Side
from bench.side import DATA, ROOT

__all__ = ["MISSING", "SideFailed", "lacking", "run", "run_once"]

LIMIT = 3600.0
"""Seconds that one side may take once."""

MISSING: Mapping[str, Callable[[], str]] = {
    "data": lambda: "" if DATA.is_dir() else "RAGSTONE_DATA names no folder with the evaluation data",
    "redis": lambda: "" if shutil.which("redis-server") else "redis-server is not installed",
}
"""What a row may need, and what to say where it is not there."""

QUIET = {
    "ANONYMIZED_TELEMETRY": "False",
    "DO_NOT_TRACK": "1",
    "HAYSTACK_TELEMETRY_ENABLED": "False",
    "HF_HUB_OFFLINE": "1",
    "LANGSMITH_TRACING": "false",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOG": "ERROR",
    "LITELLM_TELEMETRY": "False",
    "PYTHONWARNINGS": "ignore",
    "TOKENIZERS_PARALLELISM": "true",
}
"""Nothing that is measured here calls home or waits for a network."""


Cores = tuple[int, ...]
_RUNNING: set[subprocess.Popen[str]] = set()


class SideFailed(Exception):
    """A side ended with an error, or printed no figures; the message is one line."""


def lacking(row: Row) -> str:
    """Why a row cannot run here; empty where it can."""
    return next((said for need in row.needs if (said := MISSING[need]())), "")


def run(row: Row, *, repeats: int, quick: bool, say: Callable[[str], None] = lambda line: None) -> dict[str, Any]:
    """The result of a row, as `results` keeps it. A side that fails once is not asked again."""
    figures: dict[str, list[dict[str, Any]]] = {side.name: [] for side in row.sides}
    failed: dict[str, str] = {}
    load = round(os.getloadavg()[0], 1)

    def one(side: Side, number: int, kept: Path, cores: Cores) -> None:
        if side.name in failed:
            return
        say(f"{row.name}: {side.name}, run {number + 1} of {repeats}")
        try:
            figures[side.name].append(run_once(side, row, kept=kept, quick=quick, cores=cores))
        except (SideFailed, environments.EnvironmentFailed) as error:
            failed[side.name] = str(error)
            say(f"{row.name}: {side.name} failed: {error}")

    lanes = _lanes(row, quick=quick)
    with tempfile.TemporaryDirectory(prefix="ragstone-bench-") as kept:
        for number in range(repeats):
            works = [partial(one, side, number, Path(kept)) for side in row.sides]
            _worked(works[:1], lanes[:1])  # it may leave for the others what is the same for all
            _worked(works[1:], lanes)
    result = {
        "date": machine.today(),
        "mode": "quick" if quick else "full",
        "machine": machine.described(),
        "load": load,
        "repeats": repeats,
        "measures": [asdict(measure) for measure in row.measures],
        "sides": [_side(side, figures[side.name], failed.get(side.name), row) for side in row.sides],
    }
    return summed(result)


def _lanes(row: Row, *, quick: bool) -> list[Cores]:
    """The cores of each side that runs at the same time; empty for all of them.

    A quick run has two lanes where there are four cores: each side has half of them for itself.
    """
    if row.together:
        return [()] * (os.cpu_count() or 1)
    cores = tuple(sorted(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else ()
    if not quick or len(cores) < 4:
        return [()]
    return [cores[: len(cores) // 2], cores[len(cores) // 2 :]]


def _worked(works: Sequence[Callable[[Cores], None]], lanes: Sequence[Cores]) -> None:
    """One of them in each lane at a time; what is running ends with this program."""
    free: SimpleQueue[Cores] = SimpleQueue()
    for lane in lanes:
        free.put(lane)

    def work(one: Callable[[Cores], None]) -> None:
        lane = free.get()
        try:
            one(lane)
        finally:
            free.put(lane)

    pool = ThreadPoolExecutor(max_workers=len(lanes))
    try:
        for done in [pool.submit(work, one) for one in works]:
            done.result()
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in list(_RUNNING):
            _end(process)
        raise
    finally:
        pool.shutdown()


def run_once(side: Side, row: Row, *, kept: Path, quick: bool, cores: Cores = ()) -> dict[str, Any]:
    """What a side prints: a number or None for each measure, and its notes. Raises SideFailed."""
    python = environments.made(side.environment)
    environment = {**os.environ, **QUIET, "PYTHONPATH": str(ROOT / "benchmarks"), "BENCH_KEPT": str(kept)}
    environment |= {"BENCH_QUICK": "1" if quick else "0", "RAGSTONE_DATA": str(DATA.resolve())}
    with tempfile.TemporaryDirectory(prefix="ragstone-side-") as folder:
        code, out, error = _finished([*_pinned(cores), python, *side.command], folder, environment)
    if code:
        said = [line.strip() for line in (error or out).splitlines() if line.strip()]
        raise SideFailed(said[-1][:300] if said else f"it ended with {code} and said nothing")
    return _read(out, row)


def _pinned(cores: Cores) -> list[str]:
    """What stands before a command, so that it runs on these cores alone."""
    code = "import os, sys; os.sched_setaffinity(0, map(int, sys.argv[1].split())); os.execv(sys.argv[2], sys.argv[2:])"
    return [sys.executable, "-c", code, " ".join(map(str, cores))] if cores else []


def _finished(command: list[str], folder: str, environment: dict[str, str]) -> tuple[int, str, str]:
    """Ends what the side has started, too, when its time is over."""
    process = subprocess.Popen(
        command, cwd=folder, env=environment, text=True, errors="replace", start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    _RUNNING.add(process)
    try:
        out, error = process.communicate(timeout=LIMIT)
    except BaseException as reason:
        _end(process)
        process.communicate()
        if isinstance(reason, subprocess.TimeoutExpired):
            raise SideFailed(f"it was not done after {LIMIT:,.0f} s") from None
        raise
    finally:
        _RUNNING.discard(process)
    return process.returncode, out, error


def _end(process: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _read(out: str, row: Row) -> dict[str, Any]:
    lines = out.strip().splitlines()
    try:
        found = json.loads(lines[-1]) if lines else None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise SideFailed(f"its last line is no JSON object: {lines[-1][:120] if lines else 'it printed nothing'}")
    known = {measure.name for measure in row.measures}
    if strange := sorted(found.keys() - known - {"notes"}):
        raise SideFailed(f"it printed {strange[0]!r}, which is no measure of the row")
    for name in known:
        value = found.setdefault(name, None)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value)):
            raise SideFailed(f"{name!r} is no number: {value!r}")
    return found


def _side(side: Side, runs: list[dict[str, Any]], failed: str | None, row: Row) -> dict[str, Any]:
    try:
        packages = machine.versions(environments.made(side.environment), side.packages)
    except environments.EnvironmentFailed:
        packages = dict.fromkeys(side.packages)
    taken = {measure.name: [run[measure.name] for run in runs] for measure in row.measures}
    return {
        "name": side.name,
        "ours": side.ours,
        "packages": packages,
        "failed": failed,
        "runs": {} if failed else {name: values for name, values in taken.items() if None not in values},
        "notes": list(dict.fromkeys(note for run in runs for note in run.get("notes", ()))),
    }
