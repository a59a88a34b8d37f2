from __future__ import annotations

import math

import pytest

from ragstone.connectors.extractive.calibration import Line, load, log_odds
from ragstone.connectors.openvino import OpenVINOEmbedder


def test_it_was_made_with_the_default_embedder(minilm: OpenVINOEmbedder) -> None:
    """A changed fingerprint would quietly leave vectors out: run benchmarks/calibrate_extractive.py."""
    assert load().embedder == minilm.fingerprint


def test_english_uses_vectors_where_they_are_those_of_the_calibration() -> None:
    calibration = load()
    assert calibration.scale("en", fingerprint=calibration.embedder).vectors
    assert not calibration.scale("en", fingerprint="another").vectors
    assert not calibration.scale("en", fingerprint=None).vectors
    assert not calibration.scale("de", fingerprint=calibration.embedder).vectors


def test_languages_have_thresholds_of_their_own_and_others_share_one() -> None:
    calibration = load()
    known = {calibration.scale(language, fingerprint=None).threshold for language in ("en", "zh", "ru", "ar")}
    assert len(known) == 4
    assert calibration.scale("fi", fingerprint=None) == calibration.scale("und", fingerprint=None)


@pytest.mark.parametrize("language", ["en", "zh", "de", "other"])
def test_every_weight_speaks_for_an_answer(language: str) -> None:
    """A better match never makes a sentence worse, so that what the model does can be explained."""
    for scale in (load().scale(language, fingerprint=None), load().scale(language, fingerprint=load().embedder)):
        assert all(weight > 0 for line in (scale.rank, scale.trust) for weight in line.weights.values())
        assert all(math.isfinite(line.intercept) for line in (scale.rank, scale.trust))


def test_a_line_weighs_its_signals_and_takes_a_missing_one_for_0() -> None:
    line = Line(-1.0, {"coverage": 2.0, "words": 3.0})
    assert line.log_odds({"coverage": 0.5, "kind": 9.0}) == 0.0


@pytest.mark.parametrize(("probability", "expected"), [(0.5, 0.0), (0.9, math.log(9)), (0.1, -math.log(9))])
def test_log_odds(probability: float, expected: float) -> None:
    assert log_odds(probability) == pytest.approx(expected)
