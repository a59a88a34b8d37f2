"""A check with what is done about its findings: a guard."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ragstone.errors import UsageError
from ragstone.protocols import Check
from ragstone.verdicts import STAGES, OnFail, Stage

__all__ = ["Guard", "Policy", "at"]

COSTS = ("rules", "vectors", "model")
STOPS = ("raise", "refrain", "reask")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What is done about a text that fails a check, and about a check that fails.

    `on_fail` is explained in `ragstone.verdicts`. A model is asked anew at most `reasks` times; if it fails then too,
    `otherwise` is done. A check that raises, says nonsense or takes more than `timeout` seconds counts as failed where
    it is `closed`, and as passed where it is `open`. One that blocks the event loop, as code without an await does,
    cannot be interrupted: it holds up everything else, and only then counts as too late.
    """

    on_fail: OnFail = "flag"
    on_error: Literal["open", "closed"] = "closed"
    timeout: float = 10.0
    reasks: int = 1
    otherwise: Literal["raise", "refrain", "flag"] = "refrain"

    @property
    def changes(self) -> bool:
        """Whether a failure changes what a reader sees."""
        return self.on_fail != "flag"


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """A check by its name in the pipeline, with its policy and the stages where it is asked."""

    name: str
    check: Check
    policy: Policy = Policy()
    stages: tuple[Stage, ...] = ()

    def __post_init__(self) -> None:
        known = set(self.check.stages) <= set(STAGES) and bool(self.check.stages)
        if not known or self.check.cost not in COSTS:
            raise UsageError(
                f"the class of the check {self.name!r} says where or how it is asked in other words",
                expected=f"stages: a tuple of {', '.join(STAGES)}; cost: one of {', '.join(COSTS)}",
                found=f"stages: {self.check.stages!r}, cost: {self.check.cost!r}",
            )
        if not self.stages:
            object.__setattr__(self, "stages", self.check.stages[:1])
        for stage in self.stages:
            if stage not in self.check.stages:
                raise UsageError(
                    f"the check {self.name!r} cannot be asked there",
                    expected="`on: " + "` or `on: ".join(self.check.stages) + "`",
                    found=f"on: {stage}",
                )
            if self.policy.on_fail not in STAGES[stage]:
                raise UsageError(
                    f"the check {self.name!r} cannot `{self.policy.on_fail}` at the stage {stage}",
                    expected="on_fail: one of " + ", ".join(sorted(STAGES[stage])),
                    found=f"on_fail: {self.policy.on_fail}",
                )
        if self.policy.on_fail == "fix" and not self.check.fixes:
            raise UsageError(
                f"the check {self.name!r} cannot fix what it finds",
                expected="on_fail: another policy, such as filter or refrain",
                found="on_fail: fix",
            )

    def after(self, reasks: float) -> Guard:
        """The same where a model was asked again so often: who has had that many does what it does `otherwise`."""
        if self.policy.on_fail != "reask" or reasks < self.policy.reasks:
            return self
        return replace(self, policy=replace(self.policy, on_fail=self.policy.otherwise))

    @property
    def late(self) -> bool:
        """Whether nothing of an answer may be said before all of it was checked."""
        return self.policy.on_fail in STOPS or (self.check.whole and self.policy.changes)


def at(stage: Stage, guards: Iterable[Guard]) -> Sequence[Guard]:
    """The guards of a stage, in their order, cheap ones first, and at the end those that see what others have made."""
    there = (guard for guard in guards if stage in guard.stages)
    return sorted(there, key=lambda one: (one.check.last, COSTS.index(one.check.cost)))
