"""What a run comes to: the table of kinds, the memory, each restart, and what was kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from loading.kinds import KINDS
from loading.restarting import AFTER, Restart

__all__ = ["kinds", "restarts", "trouble"]

EXAMPLES = 5  # of errors, that are kept


def kinds(lines: Sequence[Mapping[str, Any]], seconds: float) -> list[dict[str, Any]]:
    """One entry for each kind of request, and one for all. Latencies are those of right responses, in ms."""
    found = [_kind(name, [line for line in lines if line["kind"] == name], seconds) for name in KINDS]
    return [each for each in found if each["requests"]] + [_kind("all", lines, seconds)]


def restarts(lines: Sequence[Mapping[str, Any]], done: Iterable[Restart]) -> list[dict[str, Any]]:
    """Each restart with what became of the requests that were begun in the 30 seconds after it."""
    return [
        {**one.as_dict(), "after": dict(Counter(line["outcome"] for line in lines if 0 <= line["at"] - one.at < AFTER))}
        for one in done
    ]


def trouble(lines: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The first errors, each with its kind and when it came."""
    wrong = [line for line in lines if line["outcome"] == "error"]
    return [{"at": line["at"], "kind": line["kind"], "note": line["note"]} for line in wrong[:EXAMPLES]]


def _kind(name: str, lines: Sequence[Mapping[str, Any]], seconds: float) -> dict[str, Any]:
    right = [line for line in lines if line["outcome"] == "ok"]
    outcomes = Counter(line["outcome"] for line in lines)
    first = _spread([line["first"] for line in right]) if name == "stream" else None
    return {
        "kind": name,
        "requests": len(lines),
        "rate": round(len(lines) / seconds, 2),
        "ms": _spread([line["seconds"] for line in right]),
        "first_ms": first,
        "shed": outcomes["shed"],
        "errors": outcomes["error"],
    }


def _spread(seconds: Sequence[float]) -> dict[str, int] | None:
    """p50, p95, p99 and the most, in ms."""
    if not seconds:
        return None
    ordered = sorted(seconds)
    at = {f"p{percent}": ordered[min(len(ordered) * percent // 100, len(ordered) - 1)] for percent in (50, 95, 99)}
    return {name: round(1000 * value) for name, value in {**at, "max": ordered[-1]}.items()}
