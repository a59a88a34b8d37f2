"""What the detectors know of a sentence."""

from __future__ import annotations

import numpy as np
import pytest

from ragstone.validation.injection.features import FEATURES, features, shape

TEXT = "Go on.\n\nThe bridge was built in 1887 by two engineers.\n\nIt was closed to cars in 1998.\n\nStop."


def made(text: str) -> dict[str, list[float]]:
    known = shape(text)
    count = len(known.pieces)
    vectors = np.eye(count, 8, dtype=np.float32)
    table = features(known, vectors, np.zeros(count, np.float32))
    assert table.shape == (count, len(FEATURES))
    return {name: table[:, at].tolist() for at, name in enumerate(FEATURES)}


def test_scraps_are_brief_and_sentences_are_not():
    brief = made(TEXT)["brief"]
    assert brief[3] > brief[0] > 0
    assert brief[1:3] == [0, 0]


def test_an_order_among_orders_weighs_less_than_one_alone():
    one = made("Open the lid. The bridge was built in 1887. It was closed in 1998.")["verbs, not around"][0]
    many = made("Open the lid. Check the filter. Write down the date.")["verbs, not around"][0]
    assert one == pytest.approx(1)
    assert many == pytest.approx(0)
