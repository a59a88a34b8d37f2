"""What is learnt from graded questions: a planted truth is found, and where there is none, none is claimed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ragstone.errors import UsageError
from ragstone.evaluation.difficulty import FEWEST, Aim, Example, calibrated
from ragstone.inference.features import FEATURES

MODELS = ("small", "large")
SKILL = 0.95  # of the larger model, in every question
COST = {"small": 1.0, "large": 10.0}


def planted(count: int, *, strength: float, seed: int = 0) -> tuple[list[Example], np.ndarray]:
    """Questions whose features tell how often the small model fails, and the gain that a perfect judge expects."""
    lot = np.random.default_rng(seed)
    x = lot.normal(size=(count, len(FEATURES)))
    fails = 1 / (1 + np.exp(-strength * (1.5 * x[:, 0] - x[:, 7] + 0.5 * x[:, 12])))
    small, large = lot.random(count) >= fails, lot.random(count) < SKILL
    examples = [
        Example(str(at), {"small": float(small[at]), "large": float(large[at])}, COST, tuple(x[at].tolist()))
        for at in range(count)
    ]
    return examples, SKILL - (1 - fails)


def best_area(gains: np.ndarray) -> float:
    """How high the curve of a judge who knows the true gains lies above a random mixture, on the mean."""
    ordered = np.sort(gains)[::-1]
    share = np.linspace(0, 1, len(ordered) + 1)
    won = np.concatenate([[0], np.cumsum(ordered)]) / len(ordered)
    return float(np.mean(won - share * won[-1]))


def test_a_planted_truth_is_found_as_well_as_by_a_judge_who_knows_it():
    examples, gains = planted(1500, strength=1.5)
    found = calibrated(examples, models=MODELS, unit="cents")
    low, mean, high = found.gain
    assert found.shown
    assert low < best_area(gains) < high
    assert mean > 0.9 * best_area(gains)
    weights = dict(zip(FEATURES, found.difficulty.pairs[0].weights, strict=True))
    names = list(FEATURES)
    biggest = sorted(weights, key=lambda name: -abs(weights[name]))[:3]
    assert set(biggest) == {names[0], names[7], names[12]}
    assert weights[names[0]] > 0 > weights[names[7]]


def test_the_threshold_keeps_its_promise_on_questions_that_were_never_seen():
    examples, _ = planted(3000, strength=1.5, seed=1)
    found = calibrated(examples[:1500], models=MODELS, aim=Aim("quality", 0.95), unit="cents")
    best = max(quality for _, quality in found.singles.values())
    assert found.chosen.quality >= 0.95 * best
    assert found.chosen.cost < 0.7 * COST["large"]
    told = found.difficulty
    needed = [told.needed(MODELS, told.standard(one.features))[0] for one in examples[1500:]]
    quality = np.mean([one.grades[name] for one, name in zip(examples[1500:], needed, strict=True)])
    cost = np.mean([COST[name] for name in needed])
    assert quality == pytest.approx(found.chosen.quality, abs=0.03)
    assert cost == pytest.approx(found.chosen.cost, rel=0.1)


def test_features_that_say_nothing_are_found_out():
    shown = 0
    for seed in range(8):
        examples, _ = planted(300, strength=0.0, seed=seed)
        shown += calibrated(examples, models=MODELS, unit="cents", seed=seed).shown
    assert shown <= 1


def test_the_curve_goes_from_one_model_to_the_other():
    examples, _ = planted(200, strength=1.0)
    found = calibrated(examples, models=MODELS, unit="cents")
    first, last = found.curve[0], found.curve[-1]
    assert (first.cost, first.quality) == pytest.approx(found.singles["large"])
    assert (last.cost, last.quality) == pytest.approx(found.singles["small"])
    assert (first.shares, last.shares) == ((0.0, 1.0), (1.0, 0.0))
    assert [point.threshold for point in found.curve] == sorted(point.threshold for point in found.curve)
    assert found.mixed == (found.singles["small"], found.singles["large"])
    assert found.chosen in found.curve
    assert found.chosen_interval[0] < found.chosen.quality < found.chosen_interval[1]


def test_the_aim_chooses_the_point():
    examples, _ = planted(400, strength=1.5)
    cheap = calibrated(examples, models=MODELS, aim=Aim("cost", 0.4), unit="cents")
    assert cheap.chosen.cost <= 0.4 * COST["large"]
    within = [point.quality for point in cheap.curve if point.cost <= 0.4 * COST["large"]]
    assert cheap.chosen.quality == max(within)
    good = calibrated(examples, models=MODELS, aim=Aim("quality", 1.0), unit="cents")
    assert good.chosen.quality >= max(quality for _, quality in good.singles.values())
    assert good.chosen.cost > cheap.chosen.cost


def test_three_models_have_a_fit_for_each_pair():
    examples, gains = planted(600, strength=1.5)
    three = [replace(one, grades=one.grades | {"middle": 0.5}, costs=one.costs | {"middle": 3.0}) for one in examples]
    found = calibrated(three, models=("small", "middle", "large"), unit="cents")
    assert [(pair.small, pair.large) for pair in found.difficulty.pairs] == [
        ("small", "middle"),
        ("small", "large"),
        ("middle", "large"),
    ]
    assert found.shown
    assert sum(found.chosen.shares) == pytest.approx(1.0)
    assert len(gains) == 600


def test_the_same_examples_give_the_same_file():
    examples, _ = planted(120, strength=1.0)
    once, again = (calibrated(examples, models=MODELS, unit="cents", seed=3).difficulty.dump() for _ in range(2))
    assert once == again


def test_what_cannot_be_learnt_from_is_refused():
    examples, _ = planted(FEWEST - 1, strength=1.0)
    with pytest.raises(UsageError, match=f"too few graded questions.*expected {FEWEST} or more, found {FEWEST - 1}"):
        calibrated(examples, models=MODELS)
    alike = [replace(one, grades={"small": 1.0, "large": 1.0}) for one in planted(80, strength=1.0)[0]]
    with pytest.raises(UsageError, match=r"nothing to learn.*strategy: cheapest"):
        calibrated(alike, models=MODELS)
    with pytest.raises(UsageError, match="--quality is a share: expected above 0, at most 1, found 95"):
        Aim("quality", 95)
