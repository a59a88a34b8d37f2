"""What is said of figures whose verdict is known, and what the picture of them shows."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from ragstone.evaluation.datasets.layouts import Question
from ragstone.evaluation.findings import findings, size_findings
from ragstone.evaluation.plots.tuning import svg, ticks
from ragstone.evaluation.tune import Row, Tuning, candidates, decided
from ragstone.pipelines.spec import RetrieveSpec

QUESTIONS = [Question(str(number), f"question {number}", {"a": 1}) for number in range(40)]


def measured(means: dict[str, float], *, other: float) -> Tuning:
    """Every candidate with a mean of its own, around which its questions lie evenly."""
    rows = [
        Row(
            name=name,
            spec=spec,
            each={one.id: means.get(name, other) + 0.02 * (int(one.id) % 3 - 1) for one in QUESTIONS},
        )
        for name, spec in candidates(RetrieveSpec()).items()
    ]
    return decided(rows, QUESTIONS)


def test_hybrid_that_is_worse_at_every_weight_is_said_to_hurt() -> None:
    found = findings(measured({"BM25 alone": 0.8, "dense alone": 0.3}, other=0.6))
    assert found[0].startswith("BM25 alone is better than the current pipeline: +0.200 (")
    assert found[1].startswith(
        "Hybrid search as it is set hurts here: the current pipeline against BM25 alone is -0.200"
    )
    assert found[2].startswith("Hybrid search hurts here, even at its best: ")
    assert found[3].startswith("Reranking changes nothing here")


def test_hybrid_and_reranking_that_help_are_said_to_help() -> None:
    means = {"convex 0.5": 0.7, "RRF + rerank": 0.75, "current": 0.75}
    found = findings(measured(means, other=0.6))
    assert found[0].startswith("The current pipeline was best on the questions that choose")
    assert found[1].startswith("Hybrid search helps here: convex 0.5 against BM25 alone is +0.100 (")
    assert found[2].startswith("Reranking helps here: the current pipeline against convex 0.5 is +0.050 (")


def test_a_gain_that_the_other_half_does_not_confirm_is_called_luck() -> None:
    choosing = set(measured({}, other=0.5).choosing)
    each = {one.id: 0.5 + (0.1 if one.id in choosing else -0.1 * (int(one.id) % 2)) for one in QUESTIONS}
    flat = dict.fromkeys(each, 0.5)
    rows = [
        Row(name="current", spec=RetrieveSpec(), each=flat),
        Row(name="RRF", spec=RetrieveSpec(fusion="rrf"), each=each),
    ]
    found = decided(rows, QUESTIONS)
    assert found.chosen.name == "RRF"
    assert not found.real
    assert found.spec == RetrieveSpec()
    assert "it is worse, and there is nothing to change" in findings(found)[0]


def test_a_better_size_is_said_with_what_to_do() -> None:
    rows = [
        Row(name=f"{size} tokens", spec=RetrieveSpec(), size=size, each={one.id: figure for one in QUESTIONS})
        for size, figure in ((200, 0.5), (100, 0.7))
    ]
    said = size_findings(decided(rows, QUESTIONS))
    assert "Chunks of 100 tokens are better than those of 200 tokens: +0.200" in said
    assert "`size: 100`" in said
    assert size_findings(decided(rows[::-1], QUESTIONS)).startswith("Chunks of 100 tokens stay")


def test_the_picture_has_a_dot_for_every_mean_and_every_difference() -> None:
    tuning = measured({"BM25 alone": 0.8}, other=0.6)
    picture = ET.fromstring(svg(tuning, title="forms & <codes>"))
    assert picture.findtext("{*}title") == "forms & <codes>"
    assert len(picture.findall(".//{*}circle")) == 2 * len(tuning.rows) - 1
    for dot in picture.findall(".//{*}circle"):
        assert 0 < float(dot.attrib["cx"]) < float(picture.attrib["width"])
        assert 0 < float(dot.attrib["cy"]) < float(picture.attrib["height"])
    assert not re.search(r"nan|inf", svg(measured({}, other=0.0), title="nothing found"))


@pytest.mark.parametrize(
    ("low", "high", "marks"),
    [
        (0.31, 0.58, [0.3, 0.4, 0.5, 0.6]),
        (0.0, 1.0, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (-0.09, 0.04, [-0.1, -0.05, 0.0, 0.05]),
    ],
)
def test_the_marks_of_an_axis_are_round_and_cover_its_values(low: float, high: float, marks: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(marks)
