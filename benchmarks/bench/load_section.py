"""The section of BENCHMARKS.md on load: many users at once on the whole stack. It is no row, since it has no peers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["section", "text"]

Result = Mapping[str, Any]

TITLES = {"steady": "Load", "restarts": "Load, with parts restarted"}


def section(results: Result) -> Iterator[str]:
    """The lines for all runs that are kept; none where there is none."""
    for name, title in TITLES.items():
        if name in results.get("load", {}):
            yield from ("", f"## {title}", "", *_lines(results["load"][name]))


def text(result: Result) -> str:
    """One run."""
    return "\n".join(_lines(result))


def _lines(result: Result) -> Iterator[str]:
    yield from (_described(result), "")
    yield "| | requests | a second | p50, ms | p95, ms | p99, ms | most, ms | shed | errors |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for each in result["kinds"]:
        yield _row(each["kind"], each, each["ms"])
        if each["first_ms"]:
            yield f"| – its first event | | | {_spread(each['first_ms'])} | | |"
    yield from ("", *_memory(result), "", *_kept(result))
    if result["restarted"]:
        yield from ("", *_restarted(result))
    for one in result["trouble"]:
        yield f"- error: {one['kind']}, {_plain(one['note'])}"
    on = result["machine"]
    yield ""
    yield (
        f"{result['date']}, {on['cores']} cores ({on['cpu']}), {on['memory']} GiB, shared by all processes and the"
        f" users; load before it began: {result['load']:.1f}. `{_command(result)}`"
    )


def _described(result: Result) -> str:
    answering = {
        0: "the extractive model answers",
        1: "a vLLM with a tiny random model answers",
        2: "two vLLM with a tiny random model answer",
    }[result["vllm"]]
    grown = result["ingestions"]
    return (
        f"{result['users']} users at once for {result['minutes']:g} minutes, each with {result['think']:g} seconds on"
        f" average between a response and the next request, on `make stack`: two replicas of the service behind nginx,"
        f" with Chroma, Redis and Postgres; {answering}. Half of the questions are 20 popular ones, the others were"
        f" never asked before. Meanwhile {grown['documents']} documents were added in {grown['runs']} ingestions, of"
        f" which {len(grown['failed'])} failed. Shed is what was answered with 429 or 503 and Retry-After; everything"
        " else that is not right in status and form is an error. Latencies are those of right responses, whole."
    )


def _row(name: str, each: Result, spread: Result | None) -> str:
    share = f"{each['shed']:,} ({100 * each['shed'] / each['requests']:.1f} %)" if each["shed"] else "0"
    return f"| {name} | {each['requests']:,} | {each['rate']:.1f} | {_spread(spread)} | {share} | {each['errors']} |"


def _spread(spread: Result | None) -> str:
    return " | ".join(f"{spread[name]:,}" for name in ("p50", "p95", "p99", "max")) if spread else " | | | "


def _memory(result: Result) -> Iterator[str]:
    yield "| memory, MB | second quarter | last quarter | most | flat | cores busy |"
    yield "|---|---|---|---|---|---|"
    words = {True: "yes", False: "**no**", None: "not judged"}
    for name, each in result["memory"].items():
        said = " | ".join("–" if each[when] is None else f"{each[when]:,.0f}" for when in ("early", "late", "most"))
        yield f"| {name} | {said} | {words[each['flat']]} | {each['cores']:.2f} |"
    yield ""
    yield (
        "Memory is that of a part's processes, as the median of a quarter of the run; flat is what has grown by no more"
        " than 10 % and 24 MB. What was restarted is not judged."
    )


def _kept(result: Result) -> Iterator[str]:
    yield "| acknowledged, and in the stores afterwards | acknowledged | there | lost |"
    yield "|---|---|---|---|"
    for each in result["kept"]:
        yield f"| {each['what']} | {each['acknowledged']:,} | {each['there']:,} | {each['lost']:,} |"


def _restarted(result: Result) -> Iterator[str]:
    yield "| restarted | how | healthy after, s | in the 30 s after it: right | shed | errors |"
    yield "|---|---|---|---|---|---|"
    for each in result["restarted"]:
        after = " | ".join(f"{each['after'].get(name, 0):,}" for name in ("ok", "shed", "error"))
        away = "never" if each["away"] is None else f"{each['away']:g}"
        yield f"| {each['name']} | {each['how']} | {away} | {after} |"


def _command(result: Result) -> str:
    more = " --restarts" if result["restarts"] else ""
    named = {name: f" --{name} {result[name]:g}" for name in ("users", "minutes", "think", "vllm")}
    asked = "".join(named.values())
    return f"python benchmarks/load.py{asked}{more}"


def _plain(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
