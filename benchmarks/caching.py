"""What a hit costs in each cache, with LangChain's caches and RedisVL's beside ours: time, calls of a model, memory.

    python benchmarks/caching.py [--peers] [--entries 1000000] [--quick] [--json] [--only answers|vectors|meaning]

All take turns of some requests each, every one in a process of its own, so that whatever else the machine does meets
all of them. `answers`: the same question with five passages is asked again; ours counts the making of the key from the
whole request. `vectors`: a thousand texts out of many are embedded again. `meaning`: a question that is worded in
another way. LangChain keeps the whole prompt as its key, in memory and in SQLite, some 5 kB here; with a million
entries that is more than 10 GB, so there it has a tenth of them.

With --peers they stand beside, from the environment of `make bench`, which this makes where there is none. Redis is the
one that is installed, without a password and writing nothing to disk.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from bench import environments

HERE = Path(__file__).parent / "caches"
sys.path.insert(0, str(Path(__file__).parents[1] / "tests/support"))

from redis_server import RedisServer  # noqa: E402

SHOWN = ["langchain-core", "langchain-community", "langchain-redis", "redis", "redisvl"]
BARS = {"ragstone-sqlite": 1.0, "ragstone-redis": 1.5}  # ms at p50 of an exact hit
KEYS = 50_000  # a second
FLOCK = 200  # requests at once
TENTH = frozenset({"langchain-memory", "langchain-sqlite"})

Figures = dict[str, dict[str, float]]


# ── What is started ─────────────────────────────────────────────────────────────────────────────────────────────────


class Scene:
    """The pythons, the folder and the Redises of one run: each way has a server of its own."""

    def __init__(self, folder: Path, peers: Path | None, ends: ExitStack) -> None:
        self.folder, self.peers, self._ends = folder, peers, ends
        self.redis: dict[str, RedisServer] = {}
        self.log = folder / "log"

    def names(self, ways: Sequence[str]) -> list[str]:
        """Those that can be asked here."""
        there = shutil.which("redis-server") is not None
        found = [name for name in ways if there or ("redis" not in name)]
        return [name for name in found if self.peers or name.startswith("ragstone")]

    def place(self, name: str) -> str:
        """A new folder, or the URL of a new Redis."""
        if "redis" not in name:
            made = Path(tempfile.mkdtemp(dir=self.folder))
            return str(made)
        server = self.redis[name] = RedisServer()
        self._ends.callback(server.remove)
        self.command(server, "CONFIG", "SET", "appendonly", "no")
        return server.url()

    def command(self, server: RedisServer, *words: str) -> Any:
        """What a Redis replies."""
        import redis

        with redis.Redis.from_url(server.url()) as client:
            return client.execute_command(*words)

    def started(self, script: str, name: str, count: int) -> subprocess.Popen[str]:
        """A process that fills its cache, and then waits to be asked."""
        python = sys.executable if name.startswith("ragstone") or self.peers is None else str(self.peers / "bin/python")
        return self._ends.enter_context(self._running([python, str(HERE / script), name, self.place(name), str(count)]))

    @contextmanager
    def _running(self, command: list[str]) -> Iterator[subprocess.Popen[str]]:
        quiet = {"LANGSMITH_TRACING": "false", "OPENBLAS_NUM_THREADS": "1"}
        with self.log.open("ab") as said:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, text=True,
                env={**os.environ, **quiet},
            )  # fmt: skip
        try:
            yield process
        finally:
            process.terminate()
            process.wait()

    def heard(self, process: subprocess.Popen[str]) -> Any:
        """The next line of a process."""
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise SystemExit(f"A process has ended:\n{self.log.read_text(errors='replace')[-3000:]}")
        return json.loads(line)

    def told(self, process: subprocess.Popen[str], what: str) -> Any:
        """What comes of a line."""
        assert process.stdin is not None
        print(what, file=process.stdin, flush=True)
        return self.heard(process)


# ── What is measured ────────────────────────────────────────────────────────────────────────────────────────────────


def answers(scene: Scene, *, entries: int, rounds: int, times: int) -> Figures:
    """Milliseconds of a hit: p50 and p99 of a round, the median of all rounds; calls of the model; MB."""
    names = scene.names(
        ["ragstone-sqlite", "ragstone-redis", "langchain-memory", "langchain-sqlite", "langchain-redis"]
    )
    found: Figures = {name: {"entries": entries // 10 if name in TENTH else entries} for name in names}
    asked: dict[str, subprocess.Popen[str]] = {}
    for name in names:  # one after the other: a machine has so much memory
        asked[name] = scene.started("asking.py", name, int(found[name]["entries"]))
        found[name]["filled s"] = scene.heard(asked[name])
    taken: dict[tuple[str, str], list[float]] = {}
    for _ in range(rounds):
        for what in ("hit", "stream"):
            for name, process in asked.items():
                took, calls = scene.told(process, f"{what} {times}")
                p50, p99 = (1000 * np.quantile(took, [0.5, 0.99])).tolist()
                for key, value in (("p50", p50), ("p99", p99), ("calls", calls / times)):
                    taken.setdefault((name, f"{what} {key}"), []).append(value)
    for (name, key), values in taken.items():
        found[name][key] = median(values)
    for name, process in asked.items():
        calls, failed = scene.told(process, f"flock {FLOCK}")
        found[name] |= {f"calls of {FLOCK}": calls, "failed": failed}
        found[name]["process MB"], stored = scene.told(process, "memory 0")
        if name in scene.redis:
            stored = scene.command(scene.redis[name], "INFO", "memory")["used_memory"] / 1e6
        found[name]["stored MB"] = stored
    return found


def vectors(scene: Scene, *, texts: int, rounds: int) -> Figures:
    """Keys a second, of batches of a thousand: the median."""
    found: Figures = {}
    taken: dict[str, list[float]] = {}
    asked: dict[str, subprocess.Popen[str]] = {}
    for name in scene.names(["ragstone-sqlite", "ragstone-redis", "langchain-files", "langchain-redis", "redisvl"]):
        asked[name] = scene.started("vectors.py", name, texts)
        found[name] = {"texts": texts, "filled s": scene.heard(asked[name])}
    for _ in range(rounds):
        for name, process in asked.items():
            taken.setdefault(name, []).extend(scene.told(process, "5"))
    for name, took in taken.items():
        found[name]["keys/s"] = 1000 / median(took)
        found[name]["p50 ms"] = 1000 * median(took)
    return found


def meaning(scene: Scene) -> dict[str, Any]:
    """What RedisVL's SemanticCache does with the Redis that is installed."""
    if scene.peers is None or not scene.names(["redisvl"]):
        return {}
    url = scene.place("redisvl-meaning")
    command = [str(scene.peers / "bin/python"), str(HERE / "meaning.py"), url]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    came: Any = json.loads(done.stdout) if done.stdout else done.stderr.strip().splitlines()[-1]
    version = scene.command(scene.redis["redisvl-meaning"], "INFO", "server")["redis_version"]
    return {"redis": version, "redisvl": came if isinstance(came, str) else 1000 * median(came)}


# ── What is said ────────────────────────────────────────────────────────────────────────────────────────────────────


def show(found: Mapping[str, Any]) -> None:
    """Prints the tables, each with what it must show."""
    if figures := found.get("answers"):
        _table("A hit (ms), calls of the model, and memory", figures)
        for name, bar in BARS.items():
            if name in figures:
                p50 = figures[name]["hit p50"]
                print(f"  {name}: p50 {p50:.2f} ms, {_kept(p50 < bar)} (less than {bar:g} ms).")
        for ours, theirs in (("ragstone-sqlite", "langchain-sqlite"), ("ragstone-redis", "langchain-redis")):
            if theirs in figures and ours in figures:
                ratio = figures[theirs]["hit p50"] / figures[ours]["hit p50"]
                print(f"  {theirs} takes {ratio:.2f} times as long as {ours} at p50.")
    if figures := found.get("vectors"):
        _table("A thousand vectors of 384 numbers, embedded again", figures)
        for name in ("ragstone-sqlite", "ragstone-redis"):
            if name in figures:
                rate = figures[name]["keys/s"]
                print(f"  {name}: {rate:,.0f} keys/s, {_kept(rate >= KEYS)} ({KEYS:,}).")
    if (came := found.get("meaning")) and "redisvl" in came:
        theirs = came["redisvl"]
        if isinstance(theirs, str):
            print(f"\nRedisVL's SemanticCache cannot be compared: Redis {came['redis']} says: {theirs}")
            print("  It needs Redis 8, or one with the search module, which Debian's Redis 7 has not. Its cache")
            print("  of embeddings, which needs neither, stands among the vectors. The RedisCache of")
            print("  langchain-redis needs the JSON module: that above is langchain-community's.")
        else:
            print(f"\nRedisVL's SemanticCache among 1,000 questions, without an embedding: p50 {theirs:.2f} ms")


def _table(title: str, figures: Figures) -> None:
    keys = list(next(iter(figures.values())))
    print(f"\n{title}")
    print(" ".join([f"{'':17}", *(f"{key:>12}" for key in keys)]))
    for name, each in figures.items():
        print(" ".join([f"{name:17}", *(_figure(each[key]) for key in keys)]))


def _figure(value: float) -> str:
    return f"{value:12,.0f}" if value >= 100 or value == int(value) else f"{value:12.3f}"


def _kept(held: bool) -> str:
    return "kept" if held else "NOT KEPT"


def machine(peers: Path | None) -> dict[str, str]:
    """What it ran on, and with what."""
    text = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    model = names[0] if names else platform.machine()
    found = {
        "machine": f"{os.cpu_count()} cores ({model}), load {os.getloadavg()[0]:.1f} at the start",
        "python": platform.python_version(),
    }
    if peers is not None:
        script = f"import importlib.metadata as m, json; print(json.dumps({{n: m.version(n) for n in {SHOWN}}}))"
        said = subprocess.run([peers / "bin/python", "-c", script], capture_output=True, text=True, check=True).stdout
        found |= json.loads(said)
    return found


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--peers", action="store_true", help="beside the peers; without it, Ragstone alone")
    options.add_argument("--entries", type=int, default=1_000_000, help="answers that lie in the cache")
    options.add_argument("--quick", action="store_true", help="a tenth of the entries and texts, and fewer requests")
    options.add_argument("--json", action="store_true", help="print the figures alone")
    options.add_argument("--only", choices=("answers", "vectors", "meaning"), help="one of the tables")
    given = options.parse_args()
    quick: bool = given.quick
    peers = Path(environments.made("peers")).parents[1] if given.peers else None
    found: dict[str, Any] = {"with": machine(peers)}
    with tempfile.TemporaryDirectory() as folder:
        if given.only in (None, "answers"):
            with ExitStack() as ends:
                entries = given.entries // 10 if quick else given.entries
                scene = Scene(Path(folder), peers, ends)
                found["answers"] = answers(scene, entries=entries, rounds=3 if quick else 9, times=300)
        if given.only in (None, "vectors"):
            with ExitStack() as ends:
                texts = 20_000 if quick else 200_000
                found["vectors"] = vectors(Scene(Path(folder), peers, ends), texts=texts, rounds=3 if quick else 9)
        if given.only in (None, "meaning"):
            with ExitStack() as ends:
                found["meaning"] = meaning(Scene(Path(folder), peers, ends))
    if given.json:
        print(json.dumps(found, indent=2))
        return
    print(", ".join(f"{name} {said}" if name != "machine" else said for name, said in found["with"].items()) + ".")
    show(found)


if __name__ == "__main__":
    main()
