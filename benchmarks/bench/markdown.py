"""BENCHMARKS.md, made of BENCHMARKS.json alone: no figure on the page comes from anywhere else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bench import load_section
from bench.results import lost

__all__ = ["FILE", "figure", "overview", "page", "ratio", "table"]

FILE = "BENCHMARKS.md"

HEAD = """# Benchmarks

Ragstone beside other packages of its field: each row was measured in one run on one machine, with every side in a
process of its own and in turns (A B A B …); only where no time is measured do sides run at once. `make bench` runs all
of it, `make bench ROW=import` one row. This page is made of BENCHMARKS.json, which holds every run; nothing here is
written by hand.

A figure is the median of the repeats, with the least and the most. **Ratio** is ours divided by the best peer's, of
medians: where higher is better (↑) a ratio above 1 is ahead, where lower is better (↓) one below 1. Timings differ from
machine to machine, the ratios less; each row says how busy its machine was before it began. A quick run is smaller, and
where there are four cores two sides run at a time, each on half of them.
"""

Result = Mapping[str, Any]


def page(results: Result) -> str:
    """The whole page."""
    rows = results["rows"]
    parts = [HEAD, *_machines(rows), "## All rows\n", *_overview(rows)]
    for name, result in rows.items():
        parts += ["", f"## {result['title']}", "", result["what"], "", *_detail(name, result)]
    parts += load_section.section(results)
    return "\n".join(parts).rstrip() + "\n"


def overview(results: Result) -> str:
    """The table of all rows, each by the measure that decides."""
    return "\n".join(_overview(results["rows"]))


def table(result: Result) -> str:
    """The figures of one row."""
    return "\n".join(_table(result))


def figure(measure: Result, value: float) -> str:
    """A number of a measure, as 1,234.5."""
    return f"{value:,.{measure['digits']}f}"


def ratio(value: float | None) -> str:
    """A ratio with three digits that count at least, as 0.083 or 12.4."""
    if value is None:
        return "–"
    return f"{value:.2f}" if value == 0 or abs(value) >= 1 else f"{value:.3f}"


def _machines(rows: Mapping[str, Result]) -> Iterator[str]:
    seen = {_ran(result): None for result in rows.values() if "sides" in result}
    for place in seen:
        names = [name for name, result in rows.items() if "sides" in result and _ran(result) == place]
        which = "all rows that have run" if len(seen) == 1 else ", ".join(names)
        yield f"- {place}: {which}."
    if seen:
        yield ""


def _ran(result: Result) -> str:
    on = result["machine"]
    where = f"{on['cores']} cores ({on['cpu']}), {on['memory']} GiB, {on['system']}, Python {on['python']}"
    return f"{result['date']}, {result['mode']} run, {where}"


def _overview(rows: Mapping[str, Result]) -> Iterator[str]:
    yield "| row | measure | ours | best peer | ratio | |"
    yield "|---|---|---|---|---|---|"
    for name, result in rows.items():
        if "sides" not in result:
            yield f"| {name} | not run: {result['not_run']} | | | | |"
            continue
        measure = result["measures"][0]
        compared = result["compared"].get(measure["name"])
        if compared is None:
            yield f"| {name} | {_headed(measure)} | {_alone(result, measure)} | none | | not compared |"
            continue
        own, theirs = (_side(result, compared[key])["figures"][measure["name"]] for key in ("ours", "peer"))
        said = f"{figure(measure, theirs['median'])} ({compared['peer']}) | {ratio(compared['ratio'])}"
        yield (f"| {name} | {_headed(measure)} | {figure(measure, own['median'])} | {said} | {_verdict(compared)} |")


def _alone(result: Result, measure: Result) -> str:
    own = next((side for side in result["sides"] if side["ours"] and measure["name"] in side["figures"]), None)
    return figure(measure, own["figures"][measure["name"]]["median"]) if own else "failed"


def _detail(name: str, result: Result) -> Iterator[str]:
    if "sides" not in result:
        yield f"Not run: {result['not_run']}."
        return
    yield from _table(result)
    yield ""
    if lost(result) or any(found["verdict"] == "behind" for found in result["compared"].values()):
        yield f"Where a peer is ahead: {result['behind'] or 'not explained yet.'}"
        yield ""
    for side in result["sides"]:
        for note in side["notes"]:
            yield f"- {side['name']}: {note}"
    if any(side["notes"] for side in result["sides"]):
        yield ""
    load = f"Load before it began: {result['load']:.1f} on {result['machine']['cores']} cores."
    yield f"Versions: {_versions(result)}. {load} `make bench ROW={name}`"


def _table(result: Result) -> Iterator[str]:
    measures = result["measures"]
    yield f"| | {' | '.join(_headed(measure) for measure in measures)} |"
    yield "|---" * (len(measures) + 1) + "|"
    for side in result["sides"]:
        said = f"**{side['name']}**" if side["ours"] else side["name"]
        if side["failed"]:
            yield f"| {said} | failed: {_plain(side['failed'])} |{' |' * (len(measures) - 1)}"
            continue
        yield f"| {said} | {' | '.join(_cell(side, measure) for measure in measures)} |"
    if result["compared"]:
        found = [result["compared"].get(measure["name"]) for measure in measures]
        cells = [f"{ratio(one['ratio'])}, {_verdict(one)}" if one else "" for one in found]
        yield f"| ratio to the best peer | {' | '.join(cells)} |"


def _cell(side: Result, measure: Result) -> str:
    found = side["figures"].get(measure["name"])
    if found is None:
        return "none"
    least, middle, most = (figure(measure, found[key]) for key in ("least", "median", "most"))
    return middle if least == most else f"{middle} ({least}–{most})"


def _headed(measure: Result) -> str:
    unit = f", {measure['unit']}" if measure["unit"] else ""
    return f"{measure['name']}{unit} {'↑' if measure['better'] == 'higher' else '↓'}"


def _verdict(compared: Result) -> str:
    return "**behind**" if compared["verdict"] == "behind" else compared["verdict"]


def _side(result: Result, name: str) -> Result:
    return next(side for side in result["sides"] if side["name"] == name)


def _versions(result: Result) -> str:
    found = {name: version for side in result["sides"] for name, version in side["packages"].items()}
    return ", ".join(f"{name} {version or 'not installed'}" for name, version in found.items())


def _plain(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
