"""What an ablation shows, on answers whose chances are known."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ragstone.errors import UsageError
from ragstone.evaluation.ablate import Effect, judged
from ragstone.evaluation.plots.ablation import drawn
from ragstone.pipelines.ablations import AS_IT_IS, Experiment, Setting
from ragstone.prompts.testing.report import Trial

NO_FILE: Any = None
SVG = "{http://www.w3.org/2000/svg}"


def experiment(*settings: Sequence[list[Trial]], names: Sequence[str] = ("few_shot", "all layers")) -> Experiment:
    cases = tuple(NO_FILE for _ in settings[0])
    named = [AS_IT_IS, *names][: len(settings)]
    return Experiment(
        prompt="solve",
        version="1",
        model="m",
        repeats=max(len(trials) for trials in settings[0]),
        cases=cases,
        settings=tuple(Setting(name=name, file=NO_FILE) for name in named),
        prompts=(),
        trials=tuple(tuple(one) for one in settings),
    )


def trials(right: Sequence[Sequence[Any]], **more: Any) -> list[list[Trial]]:
    more = {"tokens": 100, "calls": 1, "seconds": 1.0} | more
    return [[Trial(right=bool(one), **more) for one in row] for row in right]


def effect(full: list[list[Trial]], without: list[list[Trial]], *, seed: int = 0) -> Effect:
    (found,) = judged(experiment(full, without), seed=seed).effects
    return found


def simulated(seed: int, *, gain: float, cases: int = 60, repeats: int = 10) -> Effect:
    """Cases on which a layer gains 0.4 more or less than it does in the mean, each asked ten times."""
    draw = np.random.default_rng(seed)
    without = draw.uniform(0.4, 0.5, cases)
    with_it = without + gain + draw.choice([-0.4, 0.4], cases)
    shares = [draw.random((cases, repeats)) < one[:, None] for one in (with_it, without)]
    return effect(trials(shares[0].tolist()), trials(shares[1].tolist()), seed=seed)


def test_the_interval_holds_the_truth_about_95_times_of_100() -> None:
    found = [simulated(seed, gain=0.1) for seed in range(200)]
    held = sum(abs(one.gain - 10) <= one.margin for one in found)
    assert 181 <= held <= 197  # 190, give or take less than three standard deviations
    assert sum(one.verdict == "harm shown" for one in found) == 0


def test_a_layer_without_effect_is_seldom_said_to_have_one() -> None:
    found = [simulated(1000 + seed, gain=0.0).verdict for seed in range(200)]
    assert 190 - 9 <= found.count("no gain shown") <= 197


def test_the_verdicts() -> None:
    right, wrong = trials([[1]] * 40), trials([[0]] * 40)
    mixed = trials([[place % 2] for place in range(40)])
    assert effect(right, wrong).verdict == "gain shown"
    assert effect(wrong, right).verdict == "harm shown"
    assert effect(mixed, mixed).verdict == "no gain shown"
    assert (effect(right, mixed).gain, effect(mixed, right).gain) == (50, -50)


def test_a_case_counts_once_however_often_it_is_asked() -> None:
    often = effect(trials([[1] * 99, *[[0] * 3] * 11]), trials([[0] * 99, *[[0] * 3] * 11]))
    assert often.gain == pytest.approx(100 / 12)


def test_few_cases_show_nothing() -> None:
    found = effect(trials([[1]] * 9), trials([[0]] * 9))
    assert (found.verdict, found.doubt) == ("cannot tell", "9 cases, and at least 10 are needed")
    assert found.sentence.endswith("for +100.0 ± 0.0: cannot tell (9 cases, and at least 10 are needed)")
    assert effect(trials([[1]] * 10), trials([[0]] * 10)).verdict == "gain shown"


def test_requests_that_fail_count_as_wrong_and_too_many_leave_no_verdict() -> None:
    failed = [Trial(right=False, failure="overloaded")]
    some = effect([*[failed] * 4, *trials([[1]] * 16)], trials([[0]] * 20, tokens=50))
    assert (some.failed, some.verdict, some.tokens, some.right[0]) == (0.2, "gain shown", 2.0, 0.8)
    many = effect([*[failed] * 5, *trials([[1]] * 15)], trials([[0]] * 20))
    assert (many.verdict, many.doubt) == ("cannot tell", "25% of the requests failed")
    found = judged(experiment([*[failed] * 5, *trials([[1]] * 15)], trials([[0]] * 20)))
    assert (found.failed, found.failure, found.calls) == (5, "overloaded", 35)


def test_the_sentence_names_what_is_paid() -> None:
    right = [[place % 3 != 0] for place in range(30)]
    found = effect(trials(right, tokens=240, calls=5, cost=0.002), trials(right, tokens=100, cost=0.0005))
    assert found.sentence == (
        "few_shot: ×2.4 tokens and ×5 calls (+1.50 USD in 1,000 answers) for +0.0 ± 0.0: no gain shown"
    )
    assert found.as_dict()["ratio"] == {"tokens": 2.4, "calls": 5.0, "seconds": 1.0}
    assert found.as_dict()["each"]["with"] == {"tokens": 240.0, "calls": 5.0, "cost": 0.002, "seconds": 1.0}


def test_what_was_cut_short_is_judged_by_the_cases_that_were_asked_both_ways() -> None:
    full, without = trials([[1]] * 12), trials([[0]] * 12)
    without[10], without[11], full[11] = [], [], []
    found = judged(experiment(full, without))
    assert (found.effects[0].cases, found.as_dict()["complete"], found.as_dict()["answers"]) == (10, False, 21)
    nothing = effect([[], []], [[], []])
    assert (nothing.verdict, nothing.sentence) == (
        "cannot tell",
        "few_shot: nothing was answered both ways: cannot tell",
    )
    assert nothing.as_dict()["interval"] is None


def test_the_same_seed_gives_the_same_figures() -> None:
    assert simulated(1, gain=0.1).as_dict() == simulated(1, gain=0.1).as_dict()
    with pytest.raises(UsageError, match="seed"):
        judged(experiment(trials([[1]]), trials([[1]])), seed=-1)


def test_gain_and_price_are_drawn() -> None:
    right, wrong = trials([[1]] * 20, tokens=300), trials([[place % 2] for place in range(20)], tokens=100)
    found = judged(experiment(right, wrong, [[] for _ in range(20)], names=("a<b", "empty")))
    text = drawn(found.effects, title="solve & more", kind=".svg").decode()
    words = [node.text for node in ET.fromstring(text).iter(f"{SVG}text")]
    assert {"a<b", "gain shown", "solve & more", "×1", "×2", "×4"} <= {*words}
    assert not {"empty", "harm shown"} & {*words}
    assert text.count("<circle") == 2  # the layer, and its color in the legend


def test_every_layer_has_a_place_of_its_own_in_the_picture() -> None:
    names = [f"layer_{number}" for number in range(12)]
    full = trials([[place % 2] for place in range(20)], tokens=200)
    others = [trials([[place % 3 == 0] for place in range(20)], tokens=100 - number) for number in range(12)]
    found = judged(experiment(full, *others, names=names))
    picture = ET.fromstring(drawn(found.effects, title="many", kind=".svg"))
    dots = [(float(dot.attrib["cx"]), float(dot.attrib["cy"])) for dot in picture.iter(f"{SVG}circle")][:12]
    labels = [node for node in picture.iter(f"{SVG}text") if node.text in names]
    assert len({x for x, _ in dots}) == len(labels) == 12
    assert len({(node.attrib["x"], node.attrib["y"]) for node in labels}) == 12
    assert all(0 < x < 900 and 0 < y < 520 for x, y in dots)


def test_a_png_shows_what_is_drawn() -> None:
    right, wrong = trials([[1]] * 20, tokens=300), trials([[place % 2] for place in range(20)], tokens=100)
    data = drawn(judged(experiment(right, wrong)).effects, title="solve: 城", kind=".png")
    with Image.open(io.BytesIO(data)) as image:
        assert image.size == (1800, 1040)
        colors = {color for _, color in image.getcolors(1 << 24)}
        assert {(255, 255, 255), (26, 127, 55)} <= colors  # paper, and the green of a gain
        dark = image.crop((0, 0, 900, 70)).convert("L").point(lambda value: value < 128 and 255)
        assert dark.getbbox() is not None  # the title
