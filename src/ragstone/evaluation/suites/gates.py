"""What a run must reach: each gate of a suite held against its figures. What cannot be judged has not passed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ragstone.errors import UsageError
from ragstone.evaluation.digits import bare, chance, interval, signed
from ragstone.evaluation.metrics.known import metric
from ragstone.evaluation.metrics.metric import Metric
from ragstone.evaluation.outcomes import Outcome
from ragstone.evaluation.suites.comparing import compare
from ragstone.evaluation.suites.figures import figures
from ragstone.evaluation.suites.kept import Run
from ragstone.evaluation.suites.suite import GateSpec

__all__ = ["Gate", "gates"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One gate of one pipeline: what was asked for, what was found, and whether that is enough."""

    pipeline: str
    asked: str
    found: str
    passed: bool

    def as_dict(self) -> dict[str, Any]:
        """The gate as `--json` prints it."""
        return {"pipeline": self.pipeline, "asked": self.asked, "found": self.found, "passed": self.passed}


def gates(run: Run, *, baseline: Run | None = None) -> list[Gate]:
    """The gates of a run, as its suite had them when it began.

    The first one of each pipeline is that its cases were answered, but for as many as may fail. Raises UsageError
    where a gate compares with a baseline and none is given, or the baseline has another pipeline.
    """
    found: list[Gate] = []
    specs = [GateSpec.model_validate(given) for given in run.facts["gates"]]
    for pipeline in run.pipelines:
        outcomes = run.of(pipeline)
        found.append(_answered(pipeline, outcomes, run.facts))
        mine = [spec for spec in specs if spec.pipeline in (None, pipeline)]
        found += [_judged(spec, pipeline, outcomes, run, baseline) for spec in mine]
    return found


def _answered(pipeline: str, outcomes: Sequence[Outcome], facts: Mapping[str, Any]) -> Gate:
    failed, allowed = sum(bool(one.error) for one in outcomes), int(facts.get("may_fail", 0))
    missing = facts["cases"] * facts["repeats"] - len(outcomes)
    said = f"{failed} failed" if failed else "all answered"
    return Gate(
        pipeline=pipeline,
        asked=f"at most {allowed} failed" if allowed else "all answered",
        found=f"{said}, {missing} not asked yet" if missing else said,
        passed=failed <= allowed and not missing,
    )


def _judged(spec: GateSpec, pipeline: str, outcomes: Sequence[Outcome], run: Run, baseline: Run | None) -> Gate:
    one = metric(spec.metric)
    chosen = [each for each in outcomes if spec.tag is None or spec.tag in each.case.tags]
    missed = sum(one.name in each.missed for each in chosen)
    if spec.worse_by is not None:
        bound, found, passed = _against(spec, one, chosen, _baseline(spec, pipeline, run, baseline))
    else:
        bound, found, passed = _absolute(spec, one, chosen)
    if missed:
        found, passed = f"{found}, {missed} without a figure", False
    asked = " ".join(_words(spec, bound))
    return Gate(pipeline=pipeline, asked=asked, found=found, passed=passed)


def _words(spec: GateSpec, bound: str) -> Iterator[str]:
    yield spec.metric
    if spec.tag is not None:
        yield f"of {spec.tag}"
    yield bound
    if spec.sure:
        yield "beyond doubt"


def _absolute(spec: GateSpec, one: Metric, outcomes: Sequence[Outcome]) -> tuple[str, str, bool]:
    least = spec.at_least is not None
    bound = spec.at_least if spec.at_least is not None else spec.at_most
    assert bound is not None, "a gate has one bound"
    asked = f"{'at least' if least else 'at most'} {bound:g}"
    figure = figures([one], outcomes).get(one.name)
    if figure is None:
        return asked, "no figure", False
    low, high = figure.interval
    found = f"{bare(figure.value, one)} ({interval(figure.interval, one)})"
    best = (high if least else low) if spec.sure else figure.value
    return asked, found, best >= bound if least else best <= bound


def _against(
    spec: GateSpec, one: Metric, outcomes: Sequence[Outcome], before: Sequence[Outcome]
) -> tuple[str, str, bool]:
    assert spec.worse_by is not None, "who calls it has one"
    asked = f"at most {spec.worse_by:g} worse" if spec.worse_by else "no worse"
    change = compare([one], before, outcomes).changes.get(one.name)
    if change is None:
        return asked, "no figure in common", False
    sign = 1 if one.better == "higher" else -1
    _, high = sorted(sign * bound for bound in change.difference.interval)
    gain = sign * change.difference.mean
    moved = f"{bare(change.before, one)} to {bare(change.after, one)}"
    found = f"{moved} ({signed(change.difference.mean, one)}, p {chance(change.difference.p)})"
    return asked, found, (high if spec.sure else gain) >= -spec.worse_by - 1e-12


def _baseline(spec: GateSpec, pipeline: str, run: Run, baseline: Run | None) -> list[Outcome]:
    if baseline is None:
        hint = "Name one: ragstone eval gate RUN --baseline RUN, or `baseline:` in the suite."
        raise UsageError(f"the gate of {spec.metric} compares with a baseline, and there is none", hint=hint)
    names = baseline.pipelines
    chosen = pipeline if pipeline in names else names[0] if len(names) == len(run.pipelines) == 1 else None
    if chosen is None:
        expected = f"a run with the pipeline {pipeline!r}"
        raise UsageError(
            "the baseline has other pipelines", where=baseline.name, expected=expected, found=", ".join(names)
        )
    chosen_tag = spec.tag
    return [one for one in baseline.of(chosen) if chosen_tag is None or chosen_tag in one.case.tags]
