"""What figures come to, in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from ragstone.evaluation.digits import chance, interval, number, signed, span
from ragstone.evaluation.metrics.metric import Metric
from ragstone.evaluation.reports.shown import Shown, Side
from ragstone.evaluation.suites.comparing import Change
from ragstone.evaluation.suites.figures import scores
from ragstone.evaluation.suites.kept import Run

__all__ = [
    "contaminated",
    "counted",
    "facts_of",
    "lasted",
    "verdict",
    "when",
]

MANY = 5  # metrics compared, from which on one in twenty is worth a word


def counted(count: int, noun: str, several: str = "") -> str:
    """`1 case`, `2 cases`.

    >>> counted(1, "case"), counted(1200, "reply", "replies")
    ('1 case', '1,200 replies')
    """
    return f"{count:,} {noun if count == 1 else several or noun + 's'}"


def contaminated(run: Run) -> str:
    """How many cases of a run share words with what a model is shown, or with each other; "" for none."""
    cases = {one.get("case") for one in run.facts.get("contamination", ())}
    share = "shares" if len(cases) == 1 else "share"
    said = f"{counted(len(cases), 'case')} of {run.name} {share} words with prompts, examples or each other."
    return said if cases else ""


def when(seconds: float | None) -> str:
    """A moment as people write it, in UTC; "" for none.

    >>> when(0)
    '1970-01-01 00:00 UTC'
    """
    return "" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def lasted(seconds: float) -> str:
    """How long something took, as people say it.

    >>> lasted(4.2), lasted(75), lasted(7300)
    ('4.2 s', '1 min 15 s', '2 h 2 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def facts_of(side: Side) -> str:
    """What a side is made of: its pipeline, prompt and model, in one line."""
    facts = side.facts
    named = str(facts.get("pipeline") or side.pipeline)
    parts = [
        f"pipeline {named}",
        f"prompt {side.prompt or facts.get('prompt')}" if side.prompt or facts.get("prompt") else "",
        f"model {side.model}" if side.model else "",
        f"k {facts['k']}" if facts.get("k") else "",
    ]
    return ", ".join(part for part in parts if part)


def verdict(shown: Shown) -> list[str]:
    """What has come out, in sentences; the first says it all."""
    return [*_result(shown), *_lacking(shown)]


def _result(shown: Shown) -> Iterator[str]:
    main = shown.main
    if not any(side.outcomes for side in shown.sides):
        yield "There is no answer yet."
    elif main is None:
        yield "No figure of this suite says which answers are right."
    elif shown.comparison is not None and main.name in shown.changes:
        yield from _difference(shown, main)
    else:
        yield from _standing(shown, main)
    yield from _others(shown)


def _standing(shown: Shown, main: Metric) -> Iterator[str]:
    ranked = sorted(
        (side for side in shown.sides if main.name in side.figures),
        key=lambda side: -side.figures[main.name].value,
    )
    for side in ranked:
        right = _right(side, main)
        figure = side.figures[main.name]
        said = f"{number(figure.value, main)}, 95 % interval {interval(figure.interval, main)}"
        count = f"{sum(right.values()):,} of {counted(len(right), 'question')}"
        yield f"{side.label} gets {count} right by {main.name} ({said})."


def _difference(shown: Shown, main: Metric) -> Iterator[str]:
    first, second = shown.sides
    change = shown.changes[main.name]
    was, now = (_right(side, main) for side in shown.sides)
    both = was.keys() & now.keys()
    before, after = (sum(right[case] for case in both) for right in (was, now))
    gained, lost = sum(now[case] > was[case] for case in both), sum(now[case] < was[case] for case in both)
    much = "as many" if before == after else f"{abs(after - before):,} {'more' if after > before else 'fewer'}"
    than = f"as {first.label}" if before == after else f"than {first.label}"
    flips = f"{after:,} against {before:,}; {gained:,} turned right, {lost:,} turned wrong"
    yield f"{second.label} gets {much} of {counted(len(both), 'question')} right {than} by {main.name}: {flips}."
    yield _doubt(change, second)


def _right(side: Side, metric: Metric) -> dict[str, bool]:
    passing = metric.passing
    return {case: passing is not None and score >= passing for case, score in scores(metric, side.outcomes).items()}


def _doubt(change: Change, second: Side) -> str:
    difference = change.difference
    luck = f"p {chance(difference.p)}, by permutation {chance(difference.permuted)}"
    mean = signed(difference.mean, change.metric)
    if difference.interval == (0.0, 0.0):
        return "No question's figure has changed."
    said = f"The difference is {mean}; its 95 % interval, {span(difference.interval, change.metric)}"
    if word := change.verdict:
        return f"{said}, leaves out 0: {second.label} is {word} beyond doubt ({luck})."
    if change.moved:
        return f"{said}, leaves out 0, but of so few questions that may be luck ({luck})."
    return f"{said}, includes 0: that may be luck ({luck})."


def _others(shown: Shown) -> Iterator[str]:
    main = shown.main
    others = [one for name, one in shown.changes.items() if main is None or name != main.name]
    for word in ("better", "worse"):
        named = [one.metric.name for one in others if one.verdict == word]
        if named:
            yield f"Also {word} beyond doubt: {', '.join(named)}." if main else f"{word.title()}: {', '.join(named)}."
    if len(shown.changes) >= MANY and any(one.verdict for one in shown.changes.values()):
        yield f"Of {len(shown.changes)} figures compared, one in twenty leaves out 0 by luck alone."


def _lacking(shown: Shown) -> Iterator[str]:
    for run in shown.runs:
        asked = int(run.facts["cases"]) * int(run.facts["repeats"]) * len(run.pipelines)
        if run.facts.get("ended") is None:
            yield f"{run.name} was cut short: {len(run.outcomes):,} of {counted(asked, 'answer')} are there."
    for side in shown.sides:
        failed = sum(bool(one.error) for one in side.outcomes)
        if failed:
            yield f"{side.label}: {failed:,} of {counted(len(side.outcomes), 'answer')} failed."
    failed = [one for one in shown.gates if not one.passed]
    if failed:
        yield f"{len(failed)} of {counted(len(shown.gates), 'gate')} failed."
    left_out = shown.comparison.left_out if shown.comparison else ()
    if left_out:
        yield f"{counted(len(left_out), 'case')} of one side alone {'is' if len(left_out) == 1 else 'are'} left out."
