"""BENCHMARKS.json: reads it, puts the new result of a row in its place, and writes it.

    {"rows": {"import": {
        "title", "what", "behind": text,
        "date": "2026-11-22", "mode": "full" or "quick", "repeats": 3,
        "machine": {"cores", "cpu", "memory", "system", "python"},
        "load": of the machine in the minute before, number,
        "measures": [{"name", "unit", "better": "higher" or "lower", "digits"}, …],
        "sides": [{"name", "ours", "packages": {name: version}, "failed": text or null, "notes": [text, …],
                   "runs": {measure: [number of each repeat]},
                   "figures": {measure: {"median", "least", "most"}}}, …],
        "compared": {measure: {"ours", "peer": names of sides, "ratio": number or null, "verdict"}}}}}

Beside "rows" stands "load": the runs of benchmarks/load.py, which has no peers, as it writes them.

A row that has never run has "not_run": why, and no sides. `compared` holds the first of our sides against the best
peer: `ratio` is the median of ours divided by that of the peer, null where the peer's is zero; the verdict is "ahead",
"behind" or "equal". A measure that no peer has, or not we, is not compared.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

__all__ = ["FILE", "lost", "merged", "read", "summed", "write"]

FILE = "BENCHMARKS.json"

Results = dict[str, Any]


def read(path: Path) -> Results:
    """What stands in the file; nothing where there is none."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"rows": {}}


def write(path: Path, results: Results) -> None:
    """Puts a whole new file in the place of the old one."""
    text = json.dumps(results, ensure_ascii=False, indent=1) + "\n"
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, delete=False) as file:
        file.write(text)
    os.chmod(file.name, 0o644)  # noqa: PTH101
    os.replace(file.name, path)  # noqa: PTH105


def merged(results: Results, new: Mapping[str, Results], *, rows: Mapping[str, Mapping[str, str]]) -> Results:
    """The results with those of the rows that have run; `rows` gives each row's `title`, `what` and `behind`, in order.

    These words are always the row's own; figures are those of the run. What is no row any more falls out, and a row
    without a result is said to have none. A row that could not run keeps the result that it had.
    """
    old = results["rows"]
    found: Results = {}
    for name, words in rows.items():
        before = old.get(name, {"not_run": "it has not been run"})
        now = new.get(name, before)
        found[name] = {**(before if "not_run" in now and "sides" in before else now), **words}
    return {**results, "rows": found}


def summed(result: Results) -> Results:
    """A result with the figures and the comparison that follow from its runs."""
    sides = [{**side, "figures": {name: _figure(values) for name, values in side["runs"].items()}}
             for side in result["sides"]]  # fmt: skip
    compared = {each["name"]: found for each in result["measures"] if (found := _compared(each, sides))}
    return {**result, "sides": sides, "compared": compared}


def lost(result: Results) -> bool:
    """Whether the best peer wins by the measure that decides."""
    first = result["compared"].get(result["measures"][0]["name"]) if "sides" in result else None
    return first is not None and first["verdict"] == "behind"


def _figure(values: Sequence[float]) -> dict[str, float]:
    rounded = {"median": median(values), "least": min(values), "most": max(values)}
    return {name: _short(value) for name, value in rounded.items()}


def _compared(measure: Mapping[str, Any], sides: Sequence[Results]) -> Results | None:
    name, sign = measure["name"], 1 if measure["better"] == "higher" else -1
    there = [side for side in sides if name in side["figures"]]
    ours = next((side for side in there if side["ours"]), None)
    peers = [side for side in there if not side["ours"]]
    if ours is None or not peers:
        return None
    best = max(peers, key=lambda side: sign * side["figures"][name]["median"])
    own, theirs = (side["figures"][name]["median"] for side in (ours, best))
    verdict = "equal" if own == theirs else "ahead" if sign * own > sign * theirs else "behind"
    ratio = _short(own / theirs) if theirs > 0 else None
    return {"ours": ours["name"], "peer": best["name"], "ratio": ratio, "verdict": verdict}


def _short(value: float) -> float:
    """Six digits that count: more would say nothing and change with each run."""
    return float(f"{value:.6g}")
