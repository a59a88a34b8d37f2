"""Labelled pairs: how a file is read, and what its figures are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ragstone.caching.semantic.calibration import shipped
from ragstone.caching.semantic.fitting import Pair
from ragstone.caching.semantic.questions import Asked
from ragstone.caching.semantic.verifier import CHECKS
from ragstone.errors import UsageError
from ragstone.evaluation.pairs import embedded, measured, read_pairs
from ragstone.evaluation.plots.pairs import drawn
from ragstone.testing import HashingEmbedder
from ragstone.types import Context

GOOD = '{"text_a": "a", "text_b": "b", "label": 1}\n'
OTHER = '{"text_a": "c", "text_b": "d", "label": 0}\n'


@pytest.mark.parametrize("labels", [(1, 0), (True, False), ("1", "0"), ("true", "False")])
def test_a_label_may_be_written_in_several_ways(tmp_path: Path, labels: tuple[object, object]) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text("\n".join(json.dumps({"text_a": "a", "text_b": "b", "label": label}) for label in labels))
    assert [pair.same for pair in read_pairs(path)] == [True, False]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "pairs.jsonl: there is no pair"),
        (b"\n \n", "pairs.jsonl: there is no pair"),
        (GOOD.encode(), "no pair has the label 0"),
        (OTHER.encode() * 3, "no pair has the label 1"),
        (f"{GOOD}[]\n".encode(), "pairs.jsonl:2: is no pair"),
        (f"{GOOD}{{\n".encode(), "pairs.jsonl:2: is no pair"),
        (GOOD.encode() + b'{"text_a": "\xff"}\n', "pairs.jsonl:2: is not UTF-8"),
        (b'{"text_a": "a", "label": 1}\n', "pairs.jsonl:1: text_b is missing"),
        (b'{"text_a": "a", "text_b": " ", "label": 1}\n', "pairs.jsonl:1: text_b is missing"),
        (b'{"text_a": 5, "text_b": "b", "label": 1}\n', "pairs.jsonl:1: text_a is missing"),
        (b'{"text_a": "a", "text_b": "b"}\n', "pairs.jsonl:1: label is missing"),
        (b'{"text_a": "a", "text_b": "b", "label": 2}\n', "pairs.jsonl:1: the label is none"),
        (b'{"text_a": "a", "text_b": "b", "label": null}\n', "pairs.jsonl:1: the label is none"),
        (b'{"text_a": "a", "text_b": "b", "label": [1]}\n', "pairs.jsonl:1: the label is none"),
    ],
)
def test_what_is_no_pair_is_refused_with_its_line(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_bytes(data)
    with pytest.raises(UsageError) as caught:
        read_pairs(path)
    assert said in str(caught.value)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no such file"):
        read_pairs(tmp_path / "none.jsonl")
    with pytest.raises(UsageError, match="cannot be read"):
        read_pairs(tmp_path)


def vector(near: float) -> np.ndarray:
    made = np.zeros(384, np.float32)
    made[:2] = near, np.sqrt(1 - near**2)
    return made


def pair(first: str, second: str, near: float, *, same: bool) -> Pair:
    return Pair(Asked(first, vector(1.0)), Asked(second, vector(near)), same)


PAIRS = [
    pair("Is tea good?", "Is tea good then?", 0.99, same=True),
    pair("Is tea good?", "is tea good", 0.0, same=True),
    pair("Is tea good?", "Is rain near?", 0.1, same=True),
    pair("Is tea good?", "Is tea not good?", 0.99, same=True),
    pair("Is tea hot?", "Is tea hot there?", 0.99, same=False),
    pair("Who sells 5 teas?", "Who sells 6 teas?", 0.99, same=False),
    pair("Who sells tea?", "Who is Ana?", 0.2, same=False),
]


def test_the_figures_are_those_that_their_names_say() -> None:
    found = measured(PAIRS, shipped())
    assert found.as_dict() == {
        "found": 0.5,
        "false_positive_rate": round(1 / 3, 6),
        "false_hits": round(1 / 3, 6),
        "threshold": shipped().without_tokens.threshold,
        "pairs": 7,
        "by_check": {check: {"0": 0, "1": 0} for check in CHECKS}
        | {"near": {"0": 1, "1": 1}, "numbers": {"0": 1, "1": 0}, "negation": {"0": 0, "1": 1}},
    }


def test_every_pair_is_a_hit_or_refused_by_one_check() -> None:
    found = measured(PAIRS, shipped())
    refused = sum(sum(counts.values()) for counts in found.by_check().values())
    assert refused + found.count(same=True, hit=True) + found.count(same=False, hit=True) == len(PAIRS)


def test_curves_rise_from_nothing_and_are_drawn() -> None:
    found = measured(PAIRS, shipped())
    for curve in (found.curve(), found.by_cosine()):
        assert curve[0] == (0.0, 0.0)
        assert curve == sorted(curve)
    canvas = drawn(found, title="pairs", bound=0.05)
    assert "bound 5 %" in canvas.svg()
    assert canvas.png().startswith(b"\x89PNG")


async def test_texts_are_embedded_once_and_told_of() -> None:
    told: list[tuple[int, int]] = []
    asked = await embedded(
        ["a", "b", "a"], HashingEmbedder(), context=Context(), told=lambda *progress: told.append(progress)
    )
    assert set(asked) == {"a", "b"}
    assert asked["a"].text == "a"
    assert told == [(2, 2)]
