"""What each layer of a prompt file is worth: the gain in right answers, and what is paid for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from ragstone.errors import UsageError
from ragstone.evaluation.compare import Difference, paired
from ragstone.pipelines.ablations import Experiment
from ragstone.prompts.testing.report import Trial

__all__ = ["FEWEST", "Ablation", "Costs", "Effect", "Verdict", "judged"]

Verdict: TypeAlias = Literal["gain shown", "harm shown", "no gain shown", "cannot tell"]

FEWEST = 10
"""The cases that a verdict needs."""

MOST_FAILED = 0.2
"""The share of requests without a reply up to which there is a verdict."""

THOUSAND = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What one answer takes, in the mean: tokens read and written, calls of a model, USD, seconds."""

    tokens: float
    calls: float
    cost: float
    seconds: float

    def as_dict(self) -> dict[str, float]:
        """The figures as `--json` prints them."""
        return {
            "tokens": round(self.tokens, 2),
            "calls": round(self.calls, 3),
            "cost": round(self.cost, 9),
            "seconds": round(self.seconds, 4),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What a layer is worth: the shares of right answers with and without it, case by case, and what both take.

    `difference` is None where no case has answers both ways. `failed` is the share of requests without a reply, of the
    way that has more of them.
    """

    layer: str
    difference: Difference | None
    right: tuple[float, float]  # with, without
    costs: tuple[Costs, Costs]
    failed: float
    seed: int

    @property
    def cases(self) -> int:
        """How many cases were compared."""
        return self.difference.questions if self.difference else 0

    @property
    def gain(self) -> float:
        """In points: of 100 answers, so many more are right with the layer."""
        return 100 * self.difference.mean if self.difference else 0.0

    @property
    def margin(self) -> float:
        """In points: with a confidence of 95 % the true gain is no farther away."""
        return 100 * self.difference.margin if self.difference else 0.0

    @property
    def verdict(self) -> Verdict:
        """What the figures show, as one may say it."""
        if self.doubt or self.difference is None:
            return "cannot tell"
        if abs(self.gain) <= self.margin or not self.gain:
            return "no gain shown"
        return "gain shown" if self.gain > 0 else "harm shown"

    @property
    def doubt(self) -> str:
        """Why there can be no verdict, "" where there is one."""
        if self.failed > MOST_FAILED:
            return f"{self.failed:.0%} of the requests failed"
        if self.cases < FEWEST:
            return f"{self.cases} case{'s' * (self.cases != 1)}, and at least {FEWEST} are needed"
        return ""

    @property
    def tokens(self) -> float | None:
        """How many times the tokens an answer takes with the layer."""
        return _ratio(*(costs.tokens for costs in self.costs))

    @property
    def calls(self) -> float | None:
        """How many times the calls of a model."""
        return _ratio(*(costs.calls for costs in self.costs))

    @property
    def cost(self) -> float:
        """What the layer adds to 1,000 answers, in USD."""
        return THOUSAND * (self.costs[0].cost - self.costs[1].cost)

    @property
    def sentence(self) -> str:
        """The effect for a person: `cot: ×2.4 tokens for +0.4 ± 1.2: no gain shown`."""
        paid = "no tokens were counted" if self.tokens is None else f"×{self.tokens:.3g} tokens"
        if self.calls is not None and round(self.calls, 1) != 1:
            paid += f" and ×{self.calls:.3g} calls"
        if self.cost:
            paid += f" ({self.cost:+.2f} USD in 1,000 answers)"
        if self.difference is None:
            return f"{self.layer}: nothing was answered both ways: {self.verdict}"
        doubt = f" ({self.doubt})" if self.doubt else ""
        return f"{self.layer}: {paid} for {self.gain:+.1f} ± {self.margin:.1f}: {self.verdict}{doubt}"

    def as_dict(self) -> dict[str, Any]:
        """The effect as `--json` prints it; gain, margin and interval are in points."""
        found = self.difference
        return {
            "layer": self.layer,
            "verdict": self.verdict,
            "doubt": self.doubt or None,
            "sentence": self.sentence,
            "with": round(100 * self.right[0], 4),
            "without": round(100 * self.right[1], 4),
            "gain": round(self.gain, 4),
            "margin": round(self.margin, 4),
            "interval": [round(100 * bound, 4) for bound in found.interval] if found else None,
            "p_no_gain": round(found.chance, 4) if found else None,
            "better": found.better if found else 0,
            "worse": found.worse if found else 0,
            "cases": self.cases,
            "failed": round(self.failed, 4),
            "ratio": {"tokens": _rounded(self.tokens), "calls": _rounded(self.calls), "seconds": _rounded(self.slower)},
            "each": {"with": self.costs[0].as_dict(), "without": self.costs[1].as_dict()},
        }

    @property
    def slower(self) -> float | None:
        """How many times the seconds an answer takes with the layer."""
        return _ratio(*(costs.seconds for costs in self.costs))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ablation:
    """What an experiment has shown, for each layer that was switched off. `seed` is that of the bootstrap."""

    experiment: Experiment
    effects: tuple[Effect, ...]
    seed: int

    @property
    def failed(self) -> int:
        """How many requests got no reply."""
        return sum(bool(trial.failure) for trial in self._trials)

    @property
    def calls(self) -> int:
        """The calls of the model that were made, those of requests that failed left out."""
        return sum(trial.calls for trial in self._trials)

    @property
    def cost(self) -> float:
        """What they cost, in USD."""
        return sum(trial.cost for trial in self._trials)

    @property
    def failure(self) -> str:
        """What the first request said that got no reply; "" where each got one."""
        return next((trial.failure for trial in self._trials if trial.failure), "")

    @property
    def _trials(self) -> list[Trial]:
        return [trial for row in self.experiment.trials for trials in row for trial in trials]

    def as_dict(self) -> dict[str, Any]:
        """The whole as `ragstone prompt ablate --json` prints it."""
        experiment = self.experiment
        return {
            "prompt": experiment.prompt,
            "version": experiment.version,
            "model": experiment.model,
            "cases": len(experiment.cases),
            "repeats": experiment.repeats,
            "seed": self.seed,
            "answers": experiment.answered,
            "asked": experiment.answers,
            "complete": experiment.answered == experiment.answers,
            "failed": self.failed,
            "calls": self.calls,
            "cost": round(self.cost, 9),
            "left_out": list(experiment.left_out),
            "layers": [effect.as_dict() for effect in self.effects],
        }


def judged(experiment: Experiment, *, seed: int = 0) -> Ablation:
    """What an experiment has shown so far, each layer with its gain by the paired bootstrap over cases (2,000 draws).

    >>> [effect.sentence for effect in judged(experiment).effects]
    ['cot: ×2.4 tokens for +0.4 ± 1.2: no gain shown']

    A case counts with the mean of its repeats, since repeats of one case are no new evidence about others. Raises
    UsageError for a seed below 0.
    """
    if seed < 0:
        raise UsageError("the seed is out of range", expected="0 or more", found=str(seed))
    full = experiment.trials[0]
    effects = tuple(
        _effect(setting.name, full, trials, seed)
        for setting, trials in zip(experiment.settings[1:], experiment.trials[1:], strict=True)
    )
    return Ablation(experiment=experiment, effects=effects, seed=seed)


def _effect(layer: str, full: Sequence[list[Trial]], without: Sequence[list[Trial]], seed: int) -> Effect:
    pairs = [(one, other) for one, other in zip(full, without, strict=True) if one and other]
    ways = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    shares = [[_share(trials) for trials in way] for way in ways]
    flat = [[trial for trials in way for trial in trials] for way in ways]
    return Effect(
        layer=layer,
        difference=paired(shares[1], shares[0], seed=seed) if pairs else None,
        right=(_mean(shares[0]), _mean(shares[1])),
        costs=(_costs(flat[0]), _costs(flat[1])),
        failed=max(_mean([bool(trial.failure) for trial in trials]) for trials in flat),
        seed=seed,
    )


def _share(trials: Sequence[Trial]) -> float:
    return _mean([trial.right for trial in trials])


def _costs(trials: Sequence[Trial]) -> Costs:
    """Of what was answered: a request that failed tells nothing of what an answer takes."""
    answered = [trial for trial in trials if not trial.failure]
    return Costs(
        tokens=_mean([trial.tokens for trial in answered]),
        calls=_mean([trial.calls for trial in answered]),
        cost=_mean([trial.cost for trial in answered]),
        seconds=_mean([trial.seconds for trial in answered]),
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _ratio(one: float, other: float) -> float | None:
    return one / other if one and other else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
