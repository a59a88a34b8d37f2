"""Many users at once on the stack of docker-compose.yml, run as processes: what they get, and whether all is kept.

    make stack                                              first, to see the stack itself
    .venv/bin/python benchmarks/load.py                     200 users for ten minutes
    .venv/bin/python benchmarks/load.py --restarts          the same, with parts restarted in the middle
    .venv/bin/python benchmarks/load.py --users 20 --minutes 0.33 --vllm 0
    .venv/bin/python benchmarks/load.py --page              runs nothing: BENCHMARKS.md again, of BENCHMARKS.json

Two replicas of the service stand behind nginx, with Chroma, Redis, Postgres and two vLLM on the CPU; with `--vllm 0`
answers are quoted by the extractive model. Users ask, stream, search, talk and chat through nginx, in a process of
their own, and think in between. Meanwhile documents are added, and `POST /api/ingest` promises to ingest them. It exits
with 1 where a response was neither right nor declared shedding, or something acknowledged is lost.

`--write` puts the run into BENCHMARKS.json, under "load", and writes BENCHMARKS.md again.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path[:0] = [str(HERE), str(ROOT / "tests/support")]

from bench import load_section, machine, markdown, results  # noqa: E402
from loading import figures  # noqa: E402
from loading.growing import Growing, Promises  # noqa: E402
from loading.kept import kept  # noqa: E402
from loading.restarting import Restarting  # noqa: E402
from loading.watching import Watching, memory  # noqa: E402

from stack import Stack  # noqa: E402
from stack.ours import opened  # noqa: E402

__all__ = ["main", "measured"]

WARM = {"users": 8, "seconds": 20.0, "think": 0.5}  # before it counts: models are loaded, connections made
ROUTE = "route/answer"
OUTPUT = 100  # tokens of an answer: a random model never ends by itself


def main(arguments: Sequence[str]) -> int:
    """0 where all responses are right or declared shedding and nothing is lost, else 1."""
    given = _parser().parse_args(arguments)
    if given.page:
        _write(None)
        return 0
    with opened(vllm=given.vllm, limit=OUTPUT) as stack:
        result = measured(stack, given)
    print(load_section.text(result))
    if given.out:
        given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    if given.write:
        _write(result)
    wrong = result["kinds"][-1]["errors"] + sum(each["lost"] for each in result["kept"])
    return 1 if wrong else 0


def measured(stack: Stack, given: argparse.Namespace) -> dict[str, Any]:
    """Runs the load on a stack that is up. `given` are the options of the command line."""
    key = stack.key("load", "--admin")
    seconds = 60 * given.minutes
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        load = {"url": stack.url, "key": key, "documents": str(stack.documents), "model": ROUTE if given.vllm else ""}
        before = _users({**load, **WARM, "seconds": min(WARM["seconds"], seconds), "seed": 10**6}, folder / "warm")
        promises = Promises(stack.url, key)
        with ExitStack() as running:
            watching = running.enter_context(Watching(stack))
            restarting = running.enter_context(Restarting(stack, seconds)) if given.restarts else None
            growing = running.enter_context(Growing(stack.documents, promises, given.add))
            busy = machine_load()
            asked = {"users": given.users, "seconds": seconds, "think": given.think, "seed": given.seed}
            lines = _users({**load, **asked}, folder / "lines")
        promises.wait()
        done = restarting.done if restarting else []
        return {
            "date": machine.today(),
            "machine": machine.described(),
            "load": busy,
            **{name: getattr(given, name) for name in ("users", "minutes", "think", "vllm", "add", "restarts")},
            "kinds": figures.kinds(lines, seconds),
            "trouble": figures.trouble(lines),
            "memory": {
                name: {**memory(seen, restarted=name in {one.name for one in done}), "cores": watching.cores(name)}
                for name, seen in watching.seen.items()
                if seen  # what ends at once is no part of it
            },
            "restarted": figures.restarts(lines, done),
            "ingestions": {"runs": growing.runs, "failed": growing.failed, "documents": len(growing.acknowledged)},
            "kept": kept(stack, [*before, *lines], growing.acknowledged),
        }


def machine_load() -> float:
    """How busy the machine was in the minute before."""
    return round(os.getloadavg()[0], 1)


def _users(load: dict[str, Any], out: Path) -> list[dict[str, Any]]:
    """What each request of theirs came to."""
    command = [sys.executable, "-m", "loading.users", json.dumps({**load, "out": str(out)})]
    subprocess.run(command, check=True, cwd=HERE)
    return [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]


def _write(result: dict[str, Any] | None) -> None:
    path = ROOT / results.FILE
    whole = results.read(path)
    if result is not None:
        name = "restarts" if result["restarts"] else "steady"
        whole = {**whole, "load": {**whole.get("load", {}), name: result}}
        results.write(path, whole)
    (ROOT / markdown.FILE).write_text(markdown.page(whole), encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("load", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--think", type=float, default=10.0, help="seconds of a user between two requests, on average")
    parser.add_argument("--vllm", type=int, default=2, choices=(0, 1, 2), help="how many vLLM on the CPU")
    parser.add_argument("--add", type=float, default=5.0, help="seconds between two documents that are added")
    parser.add_argument("--restarts", action="store_true", help="restart a replica, Redis, Chroma and a vLLM meanwhile")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="where the whole result goes, as JSON")
    parser.add_argument("--write", action="store_true", help="write BENCHMARKS.json and BENCHMARKS.md")
    parser.add_argument("--page", action="store_true", help="run nothing: only write the page again")
    return parser


if __name__ == "__main__":
    started = time.monotonic()
    status = main(sys.argv[1:])
    print(f"({time.monotonic() - started:.0f} s)", file=sys.stderr)
    sys.exit(status)
