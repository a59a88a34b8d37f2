"""A planted truth is found at the bound, a bound that cannot be shown is refused, and the file is read as written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.caching.semantic.calibration import Calibration, calibration_for, read_calibration, shipped
from ragstone.caching.semantic.fitting import Pair, fewest_different, fit, groups, upper_limit
from ragstone.caching.semantic.questions import Asked
from ragstone.caching.semantic.verifier import Verifier
from ragstone.connectors.openvino import OpenVINOEmbedder
from ragstone.errors import ConfigError, UsageError

DIMENSIONS = 16
WORDS = ("tea", "cup", "pot", "leaf", "water", "steam", "sugar", "spoon", "plate", "table", "chair", "river")


def unit(vector: np.ndarray) -> np.ndarray:
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def planted(count: int, *, seed: int = 0, noise: float = 0.0, tokens: bool = False) -> list[Pair]:
    """Pairs of which the near ones mean the same, but for some noise in the labels."""
    lot = np.random.default_rng(seed)
    found: list[Pair] = []
    for number in range(count):
        same = bool(lot.random() < 0.4)
        one = lot.normal(size=DIMENSIONS)
        other = one + lot.normal(size=DIMENSIONS) * (0.3 if same else 0.8)
        texts = [f"{' '.join(lot.choice(WORDS, 4))} word{number}" for _ in range(2)]
        rows = [unit(one + lot.normal(size=DIMENSIONS)) for _ in range(3)] if tokens else None
        label = same if lot.random() >= noise else not same
        given = np.array(rows) if rows else None
        found.append(Pair(Asked(texts[0], unit(one), given), Asked(texts[1], unit(other), given), label))
    return found


def learnt(pairs: list[Pair], bound: float = 0.05) -> Calibration:
    return fit(pairs, embedder="planted", bound=bound, on="planted pairs")


@pytest.mark.parametrize("tokens", [False, True])
def test_a_planted_truth_is_found_at_the_bound_on_other_pairs(tokens: bool) -> None:
    found = learnt(planted(600, tokens=tokens))
    verifier, others = Verifier(found), planted(800, seed=1, tokens=tokens)
    taken = [(pair.same, verifier.judge(pair.second, pair.first).same) for pair in others]
    assert np.mean([hit for same, hit in taken if same]) > 0.6
    wrong = [hit for same, hit in taken if not same]
    assert np.mean(wrong) <= 0.05 + 2 * (0.05 * 0.95 / len(wrong)) ** 0.5  # a sample of those that the bound is about
    assert found.fitted.false_positive_rate <= found.fitted.upper <= 0.05
    assert (found.with_tokens is not None) is tokens


def test_a_lower_bound_takes_less() -> None:
    pairs = planted(700, noise=0.02)
    strict, loose = learnt(pairs, 0.02), learnt(pairs, 0.2)
    assert strict.fitted.found < loose.fitted.found
    assert strict.without_tokens.threshold > loose.without_tokens.threshold


def test_too_few_pairs_are_refused_with_how_many_are_needed() -> None:
    with pytest.raises(UsageError, match=f"at least {fewest_different(0.05)} that do not mean the same"):
        learnt(planted(60))


def test_a_bound_that_the_pairs_cannot_meet_is_refused_with_the_best_that_can_be_had() -> None:
    lot = np.random.default_rng(0)
    blind = [Pair(pair.first, pair.second, bool(lot.random() < 0.5)) for pair in planted(900)]
    with pytest.raises(UsageError, match="the least that can be shown is 0"):
        learnt(blind, 0.011)


@given(st.integers(1, 400), st.data())
def test_an_upper_limit_lies_above_what_was_seen_and_grows_with_it(of: int, data: st.DataObject) -> None:
    wrong = data.draw(st.integers(0, of - 1))
    assert wrong / of < upper_limit(wrong, of) <= upper_limit(wrong + 1, of) <= 1


def test_an_upper_limit_is_that_of_the_tables() -> None:
    assert upper_limit(0, 59) == pytest.approx(1 - 0.05 ** (1 / 59), abs=1e-6)
    assert upper_limit(10, 100) == pytest.approx(0.1637, abs=2e-4)  # Clopper and Pearson, 95 %, one-sided


def test_pairs_that_share_a_question_are_of_one_group() -> None:
    assert groups([("a?", "b"), ("c", "d"), ("B", "e"), ("f", "A")]) == [0, 1, 0, 0]


# ── The file ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def fitted() -> Calibration:
    return learnt(planted(400, tokens=True))


def test_a_file_is_read_as_it_was_written(fitted: Calibration, tmp_path: Path) -> None:
    path = tmp_path / "answer.cache.json"
    path.write_text(fitted.dump())
    assert read_calibration(path, embedder="planted") == fitted
    assert calibration_for(path, embedder="planted") == fitted


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 2}, "another format: expected 1, found 2"),
        ({"near": 3}, "near is not as it was written"),
        ({"bound": None}, "bound is not as it was written"),
        ({"features": ["cosine"]}, "other features"),
        ({"dimensions": 4}, "do not belong together"),
        ({"more": 1}, "more is not as it was written"),
    ],
)
def test_a_changed_file_is_refused(fitted: Calibration, tmp_path: Path, change: dict[str, Any], said: str) -> None:
    path = tmp_path / "answer.cache.json"
    path.write_text(json.dumps(json.loads(fitted.dump()) | change))
    with pytest.raises(ConfigError, match=said):
        read_calibration(path, embedder="planted")


@pytest.mark.parametrize("text", ["", "[]", "{", "\x00"])
def test_a_file_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "answer.cache.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match="ragstone cache calibrate"):
        read_calibration(path, embedder="planted")


def test_another_embedder_needs_another_calibration(fitted: Calibration, tmp_path: Path) -> None:
    path = tmp_path / "answer.cache.json"
    with pytest.raises(ConfigError, match="not calibrated for this embedder"):
        calibration_for(path, embedder="planted")
    path.write_text(fitted.dump())
    with pytest.raises(ConfigError, match="was calibrated with another embedder"):
        read_calibration(path, embedder="other")


def test_what_is_shipped_is_for_the_default_embedder() -> None:
    assert shipped().embedder == OpenVINOEmbedder().fingerprint
    assert shipped().bound == 0.05
