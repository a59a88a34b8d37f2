"""What a call costs on its way through Ragstone, with LiteLLM beside it: time, requests a second, and memory.

    python benchmarks/gateway.py --litellm DIR [--quick] [--json] [--only inside|http|memory]

All ask the same mock of an OpenAI server on this machine, which answers at once, in turns of some requests each: so
that whatever else the machine does meets all of them. `inside` is a program that calls a library, one call after the
other. `http` is a client in front of a server: `ragstone serve`, and LiteLLM's proxy with one worker. `memory` is what
`ragstone serve` holds after many requests. Ragstone counts each call in its ledger (SQLite) and keeps its trace;
LiteLLM has no database.

--litellm is an environment with LiteLLM, which this makes where there is none: some 130 packages.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from gateways.load import asked

from ragstone.cli.init import Default, write

HERE = Path(__file__).parent
UPSTREAM = HERE.parent / "tests/support/mock_upstream.py"
# The proxy's own extra does not resolve at this version, so its dependencies are those of one that does.
LITELLM = (["litellm[proxy]==1.106.2"], ["--no-deps", "litellm==1.109.1"])
QUIET = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_TELEMETRY": "False",
    "LITELLM_LOG": "ERROR",
    "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",  # neither server asks for a key
    "DO_NOT_TRACK": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "When does it ship?"}]
AT_ONCE = 64
WARM = 200  # requests before any counts
STARTS = 120.0  # seconds

Figures = dict[str, dict[str, float]]


# ── What is started ─────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def running(command: list[str], health: str = "", *, log: Path, pipes: bool = False) -> Iterator[subprocess.Popen[str]]:
    """A process for the block; `health` is an address that answers once it is ready."""
    pipe = subprocess.PIPE if pipes else subprocess.DEVNULL
    with log.open("ab") as said:
        out: Any = subprocess.PIPE if pipes else said
        process = subprocess.Popen(command, stdin=pipe, stdout=out, stderr=said, text=True, env={**os.environ, **QUIET})
    try:
        limit = time.monotonic() + STARTS
        while health and not _answers(health):
            if process.poll() is not None or time.monotonic() > limit:
                raise SystemExit(f"{command[0]} did not start:\n{log.read_text()[-3000:]}")
            time.sleep(0.2)
        yield process
    finally:
        process.terminate()
        process.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as reply:
            return reply.status == 200
    except OSError:
        return False


def _port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def with_litellm(folder: Path) -> Path:
    """The folder's `bin`, with LiteLLM in it."""
    binary = folder / "bin"
    if not (binary / "litellm").exists():
        print(f"Installing LiteLLM into {folder} …", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        for packages in LITELLM:
            subprocess.run([binary / "python", "-m", "pip", "install", "-qq", "--no-compile", *packages], check=True)
    return binary


def project(folder: Path, url: str) -> Path:
    """A project whose one route is the mock, with a price: each call is counted."""
    made = folder / "project"
    made.mkdir()
    write(made, model=Default.extractive)
    model = f"kind: model\ntype: openai\nbase_url: {url}\nmodel: mock\nprice: {{input: 0.1, output: 0.5}}\n"
    (made / "connectors/mock.yaml").write_text(model)
    (made / "pipelines/answer.yaml").write_text("index: ingest\nroute: {models: [mock]}\n")
    return made


def config(folder: Path, url: str) -> Path:
    """The same for LiteLLM's proxy."""
    made = folder / "litellm.yaml"
    params = {"model": "openai/mock", "api_base": url, "api_key": "none"}
    params |= {"input_cost_per_token": 1e-7, "output_cost_per_token": 5e-7}
    listed = [{"model_name": "route/answer", "litellm_params": params}]
    made.write_text(json.dumps({"model_list": listed, "litellm_settings": {"telemetry": False}}))
    return made


class Scene:
    """The mock and the folder of one run; `litellm` is the folder of its commands."""

    def __init__(self, folder: Path, url: str, litellm: Path | None) -> None:
        self.folder, self.url, self.litellm = folder, url, litellm
        self.project = project(folder, url)

    @contextmanager
    def serving(self, name: str) -> Iterator[tuple[str, int]]:
        """A server by its name: its address, and the number of its process."""
        if name == "mock alone":
            yield f"{self.url}/chat/completions", 0
            return
        port, log = _port(), self.folder / "server.log"
        address = f"http://127.0.0.1:{port}"
        if name == "Ragstone":
            ragstone = str(Path(sys.executable).with_name("ragstone"))
            command = [ragstone, "serve", "--project", str(self.project), "--port", str(port)]
            health = f"{address}/healthz"
        else:
            assert self.litellm is not None
            command = [str(self.litellm / "litellm"), "--config", str(config(self.folder, self.url))]
            command += ["--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
            health = f"{address}/health/liveliness"
        with running(command, health, log=log) as process:
            yield f"{address}/v1/chat/completions", process.pid


# ── What is measured ────────────────────────────────────────────────────────────────────────────────────────────────


def inside(scene: Scene, *, rounds: int, times: int) -> Figures:
    """Milliseconds of a call in one program: p50 and p99 of a round, the median of all rounds."""
    own, peer = sys.executable, str(scene.litellm / "python") if scene.litellm else ""
    ways = {"httpx": (own, "httpx"), "AsyncOpenAI": (own, "openai"), "Ragstone": (own, "ragstone")}
    if peer:
        ways |= {"AsyncOpenAI of LiteLLM": (peer, "openai"), "LiteLLM": (peer, "litellm")}
    found = defaultdict[str, dict[str, list[float]]](lambda: defaultdict(list))
    with ExitStack() as ends:
        asking: dict[str, subprocess.Popen[str]] = {}
        for name, (python, way) in ways.items():
            command = [python, str(HERE / "gateways/asking.py"), way, scene.url, str(scene.project)]
            asking[name] = ends.enter_context(running(command, log=scene.folder / "asking.log", pipes=True))
            _called(asking[name], WARM, scene)
        for _ in range(rounds):
            for name, process in asking.items():
                took = 1000 * np.array(_called(process, times, scene))
                for key, value in zip(("p50", "p99"), np.quantile(took, [0.5, 0.99]), strict=True):
                    found[name][key].append(float(value))
    return {name: {key: median(values) for key, values in each.items()} for name, each in found.items()}


def _called(process: subprocess.Popen[str], times: int, scene: Scene) -> list[float]:
    assert process.stdin is not None
    assert process.stdout is not None
    print(times, file=process.stdin, flush=True)
    line = process.stdout.readline()
    if not line:
        raise SystemExit((scene.folder / "asking.log").read_text()[-3000:])
    return json.loads(line)


def http(scene: Scene, *, rounds: int, times: int, many: int) -> Figures:
    """Milliseconds one after the other, and requests a second of many at once: the median of all rounds."""
    names = ["mock alone", "Ragstone", *(["LiteLLM"] if scene.litellm else [])]
    found = defaultdict[str, dict[str, list[float]]](lambda: defaultdict(list))
    with ExitStack() as ends:
        servers = {name: ends.enter_context(scene.serving(name))[0] for name in names}
        for name in names:
            _load(servers[name], WARM, AT_ONCE)
        for _ in range(rounds):
            for name in names:
                took, _ = _load(servers[name], times, 1)
                for key, value in zip(("p50", "p99"), np.quantile(1000 * np.array(took), [0.5, 0.99]), strict=True):
                    found[name][key].append(float(value))
            for name in names:
                took, seconds = _load(servers[name], many, AT_ONCE)
                found[name]["per second"].append(many / seconds)
                found[name][f"p99 of {AT_ONCE}"].append(float(np.quantile(1000 * np.array(took), 0.99)))
    return {name: {key: median(values) for key, values in each.items()} for name, each in found.items()}


def _load(url: str, times: int, at_once: int) -> tuple[list[float], float]:
    from uvloop import run

    return run(asked(url, {"model": "route/answer", "messages": MESSAGES}, times=times, at_once=at_once))


def memory(scene: Scene, *, first: int, last: int) -> dict[str, float]:
    """MB that our server holds after so many requests, and after so many more."""
    with scene.serving("Ragstone") as (url, pid):
        _load(url, first, AT_ONCE)
        early = _resident(pid)
        _load(url, last - first, AT_ONCE)
        return {f"after {first:,}": early, f"after {last:,}": _resident(pid)}


def _resident(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


# ── What is said ────────────────────────────────────────────────────────────────────────────────────────────────────


def show(found: dict[str, Any]) -> None:
    """Prints the tables, each with what it must show."""
    if figures := found.get("inside"):
        base = figures["AsyncOpenAI"]["p50"]
        _table("In one program, one call after the other (ms)", figures, ("p50", "p99"), base=base)
        added = figures["Ragstone"]["p50"] - base
        print(f"  Ragstone adds {added:.2f} ms at p50 to AsyncOpenAI alone: {_kept(added < 1)} (less than 1 ms).")
        if "LiteLLM" in figures:
            theirs = figures["LiteLLM"]["p50"] - figures["AsyncOpenAI of LiteLLM"]["p50"]
            print(f"  LiteLLM adds {theirs:.2f} ms to the AsyncOpenAI that it is installed with.")
    if figures := found.get("http"):
        _table(f"Through HTTP (ms), and with {AT_ONCE} at once", figures, tuple(figures["Ragstone"]))
        if "LiteLLM" in figures:
            ours, theirs = figures["Ragstone"], figures["LiteLLM"]
            for key in ("p50", "p99"):
                print(f"  {key}: {theirs[key] / ours[key]:.1f} times lower, {_kept(ours[key] < theirs[key])} (lower).")
            times = ours["per second"] / theirs["per second"]
            print(f"  {times:.1f} times the requests a second: {_kept(times >= 2)} (2 times).")
    if held := found.get("memory"):
        (first, early), (last, late) = held.items()
        grown = late / early - 1
        print(f"\nMemory of our server: {early:.0f} MB {first} requests, {late:.0f} MB {last}: {grown:+.1%}, ", end="")
        print(f"{_kept(abs(grown) <= 0.1)} (within 10 %).")


def _table(title: str, figures: Figures, keys: tuple[str, ...], *, base: float | None = None) -> None:
    print(f"\n{title}")
    added = [] if base is None else ["over it at p50"]
    print(" ".join([f"{'':24}", *(f"{key:>14}" for key in (*keys, *added))]))
    for name, each in figures.items():
        row = [f"{each[key]:14.2f}" for key in keys] + ([] if base is None else [f"{each['p50'] - base:14.2f}"])
        print(" ".join([f"{name:24}", *row]))


def _kept(held: bool) -> str:
    return "kept" if held else "NOT KEPT"


def machine() -> str:
    """What it ran on."""
    text = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} cores ({names[0] if names else platform.machine()}), load {load:.1f} at the start"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--litellm", type=Path, help="the environment of LiteLLM; without it, Ragstone alone")
    options.add_argument("--quick", action="store_true", help="fewer requests")
    options.add_argument("--json", action="store_true", help="print the figures alone")
    options.add_argument("--only", choices=("inside", "http", "memory"), help="one of the tables")
    given = options.parse_args()
    litellm = with_litellm(given.litellm.absolute()) if given.litellm else None
    quick: bool = given.quick
    found: dict[str, Any] = {"machine": machine(), "python": platform.python_version()}
    port = _port()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [sys.executable, str(UPSTREAM), "--port", str(port)]
        with running(command, f"http://127.0.0.1:{port}/", log=folder / "mock.log"):
            scene = Scene(folder, f"http://127.0.0.1:{port}/v1", litellm)
            if given.only in (None, "inside"):
                found["inside"] = inside(scene, rounds=3 if quick else 7, times=200 if quick else 500)
            if given.only in (None, "http"):
                many = 600 if quick else 1000
                found["http"] = http(scene, rounds=3 if quick else 5, times=200 if quick else 300, many=many)
            if given.only in (None, "memory"):
                found["memory"] = memory(scene, first=2_000 if quick else 20_000, last=20_000 if quick else 200_000)
    if given.json:
        print(json.dumps(found, indent=2))
        return
    print(f"{found['machine']}, Python {found['python']}.")
    show(found)


if __name__ == "__main__":
    main()
