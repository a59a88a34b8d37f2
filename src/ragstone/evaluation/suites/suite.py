"""A suite: `evals/handbook.yaml` says which cases, of which pipelines, by which figures, and what these must reach.

cases: handbook.jsonl
pipelines: [answer]
metrics: [hit@5, contained, supported, latency@95]
gates:
- {metric: contained, at_least: 0.8}
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from ragstone.batch.asking import CONCURRENCY
from ragstone.config import Located, read_yaml, validate
from ragstone.errors import ConfigError, UsageError, nearest
from ragstone.evaluation.cases import Case
from ragstone.evaluation.metrics.known import defaults, metric
from ragstone.evaluation.metrics.metric import Metric
from ragstone.evaluation.suites.reading import read_cases
from ragstone.project import Project

__all__ = [
    "EVALS",
    "GateSpec",
    "JudgeSpec",
    "Suite",
    "SuiteSpec",
    "VariantSpec",
    "named_cases",
    "require_suite",
    "suite",
    "suites",
]

EVALS = "evals"  # the folder, beside pipelines/ and prompts/
MOST_REPEATS = 100


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _as_variant(value: object) -> object:
    return {"pipeline": value} if isinstance(value, str) else value


class VariantSpec(_Strict):
    """One way to answer: a pipeline, and what of it is exchanged. `name` is what reports call it."""

    pipeline: Annotated[str, Field(min_length=1)]
    name: str = Field(default="", max_length=60)
    prompt: str | None = None
    model: str | None = None

    @property
    def title(self) -> str:
        """Its name, or what it is made of."""
        return self.name or "/".join(part for part in (self.pipeline, self.prompt, self.model) if part)


class JudgeSpec(_Strict):
    """Who grades answers: a prompt file, asked of one model. `labels` are grades of people, to compare with."""

    prompt: str = "judge"
    model: str | None = None
    labels: str | None = None


class GateSpec(_Strict):
    """What one figure must reach, of one pipeline and of cases with one tag, or of all.

    `worse_by` is the most that it may lose against the baseline. With `sure` only what is beyond doubt fails: where the
    whole interval (95 %) lies on the wrong side.
    """

    metric: Annotated[str, Field(min_length=1)]
    at_least: float | None = None
    at_most: float | None = None
    worse_by: float | None = Field(default=None, ge=0)
    pipeline: str | None = None
    tag: str | None = None
    sure: bool = False

    @property
    def bounds(self) -> int:
        """How many bounds it sets; it shall be one."""
        return sum(bound is not None for bound in (self.at_least, self.at_most, self.worse_by))


class SuiteSpec(_Strict):
    """What may stand in a file of `evals/`."""

    cases: Annotated[list[str], BeforeValidator(_listed), Field(min_length=1)]
    pipelines: Annotated[
        list[Annotated[VariantSpec, BeforeValidator(_as_variant)]], BeforeValidator(_listed), Field(min_length=1)
    ] = [VariantSpec(pipeline="answer")]
    metrics: Annotated[list[str], Field(min_length=1)] | None = None
    only: Literal["search"] | None = None
    repeats: int = Field(default=1, ge=1, le=MOST_REPEATS)
    cache: Literal["off", "use"] = "off"
    concurrency: int = Field(default=CONCURRENCY, ge=1, le=256)
    judge: JudgeSpec | None = None
    gates: list[GateSpec] = []
    baseline: str | None = None
    may_fail: int = Field(default=0, ge=0)


@dataclass(frozen=True)
class Suite:
    """A suite of a project, read and checked; its cases and metrics are made when they are first asked for."""

    name: str
    spec: SuiteSpec
    located: Located
    project: Project

    @property
    def folder(self) -> Path:
        """Where its file lies; other files that it names are looked for there."""
        return self.located.path.parent

    @cached_property
    def cases(self) -> tuple[Case, ...]:
        """Its cases, in the order of their files. Raises UsageError with every fault's place."""
        return read_cases([self.folder / name for name in self.spec.cases], root=self.project.root)

    @cached_property
    def metrics(self) -> tuple[Metric, ...]:
        """Those that its file asks for, with those of its gates; else all that its cases allow.

        Raises ConfigError for one that is not known, or that nothing here can be judged by.
        """
        if self.spec.metrics is None:
            names = defaults(self.cases, searches=self.spec.only == "search", judged=self.spec.judge is not None)
        else:
            names = self.spec.metrics
        places = {name: ("metrics", at) for at, name in enumerate(self.spec.metrics or ())}
        places |= {gate.metric: ("gates", at, "metric") for at, gate in enumerate(self.spec.gates)}
        wanted = dict.fromkeys([*names, *(gate.metric for gate in self.spec.gates)])
        return tuple(self._metric(name, self.located.where(places.get(name, ()))) for name in wanted)

    def _metric(self, name: str, where: str) -> Metric:
        try:
            found = metric(name)
        except UsageError as error:
            raise ConfigError(error.message, where=where, expected=error.expected, hint=error.hint) from None
        if self.spec.only == "search" and not found.searches:
            hint = "Leave out `only: search`, or this metric."
            raise ConfigError(f"{name} judges answers, and the suite only searches", where=where, hint=hint)
        if not any(found.applies(case) for case in self.cases):
            expected = f"a case with {' or '.join(sorted(found.needs))}"
            raise ConfigError(f"{name} has nothing to judge by", where=where, expected=expected, found="none")
        return found

    def check(self) -> None:
        """Raises ConfigError for what is wrong between its parts: pipelines, gates, cases that expect nothing."""
        for fault in self.faults():
            raise fault

    def faults(self) -> Iterator[ConfigError]:
        """What is wrong between its parts. Raises ConfigError for a part that cannot be read."""
        titles: set[str] = set()
        for at, variant in enumerate(self.spec.pipelines):
            where = self.located.where(("pipelines", at))
            route = self.project.answer_spec(variant.pipeline).route.models
            if variant.model is not None and variant.model not in route:
                expected, hint = "one of " + ", ".join(route), nearest(variant.model, route)
                message = f"the route of {variant.pipeline!r} has no model {variant.model!r}"
                yield ConfigError(message, where=where, expected=expected, hint=hint)
            if variant.prompt is not None:
                self.project.prompt(variant.prompt)
            if variant.title in titles:
                hint = "Give each a `name`."
                yield ConfigError(f"two pipelines are called {variant.title!r}", where=where, hint=hint)
            titles.add(variant.title)
        for at, gate in enumerate(self.spec.gates):
            where = self.located.where(("gates", at))
            if gate.bounds != 1:
                yield ConfigError("a gate has one bound", where=where, expected="at_least, at_most or worse_by")
            if gate.pipeline is not None and gate.pipeline not in titles:
                hint, expected = nearest(gate.pipeline, titles), "one of " + ", ".join(sorted(titles))
                yield ConfigError(f"there is no pipeline {gate.pipeline!r}", where=where, expected=expected, hint=hint)
            if gate.tag is not None and not any(gate.tag in case.tags for case in self.cases):
                yield ConfigError(f"no case has the tag {gate.tag!r}", where=where)
        yield from self._unjudged()

    def _unjudged(self) -> Iterator[ConfigError]:
        judging = [one for one in self.metrics if one.needs]
        if not judging:
            return  # how fast, and for how much: that is asked of any question
        for case in self.cases:
            if not any(one.applies(case) for one in judging):
                expected = "one of " + ", ".join(sorted({name for one in judging for name in one.needs}))
                yield ConfigError(
                    "the case expects nothing that a metric of the suite judges by",
                    where=case.where,
                    expected=expected,
                    hint="It is a draft: say what is right, or delete its line." if case.draft else None,
                )


def suite_faults(project: Project) -> Iterator[ConfigError | UsageError]:
    """Everything that is wrong with the project's suites; of their cases and parts the first fault of each suite."""
    for name in suites(project.root):
        try:
            yield from suite(project, name).faults()
        except ConfigError as error:
            yield from error.faults or (error,)
        except UsageError as error:
            yield error


def suites(root: Path) -> list[str]:
    """The names of a project's suites."""
    return sorted(path.stem for path in (root / EVALS).glob("*.yaml"))


def suite(project: Project, name: str) -> Suite:
    """A suite of a project, by the name of its file. Raises UsageError where there is none, else ConfigError."""
    path = project.root / EVALS / f"{name}.yaml"
    known = suites(project.root)
    if name not in known:
        expected = "one of " + ", ".join(known) if known else "a file evals/NAME.yaml"
        hint = nearest(name, known) or "Make one: ragstone eval new NAME --from-documents"
        raise UsageError(f"there is no suite {name!r}", where=str(path.parent), expected=expected, hint=hint)
    located = read_yaml(path)
    return Suite(name, validate(SuiteSpec, located), located, project)


def named_cases(project: Project, said: str | None) -> tuple[str, tuple[Case, ...]]:
    """Cases by the name of their suite, or of a file of theirs; those of the only suite, without a name.

    Raises UsageError where it is neither, and what reading them raises.
    """
    if said is not None and Path(said).suffix.lower() in (".jsonl", ".csv", ".tsv"):
        return said, read_cases([Path(said)])
    found = require_suite(project, said)
    return found.name, found.cases


def require_suite(project: Project, name: str | None) -> Suite:
    """The suite that is named, or the only one there is. Raises UsageError where that is not clear."""
    known: Sequence[str] = suites(project.root)
    if name is None and len(known) != 1:
        expected = "one of " + ", ".join(known) if known else "a file evals/NAME.yaml"
        hint = None if known else "Make one: ragstone eval new NAME --from-documents"
        raise UsageError("which suite is meant?", expected=expected, hint=hint)
    return suite(project, name or known[0])
