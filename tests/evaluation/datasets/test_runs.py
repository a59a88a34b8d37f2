"""What a pipeline returns, judged."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ragstone.evaluation.datasets.layouts import Question
from ragstone.evaluation.datasets.runs import _chunks
from ragstone.testing.suites.samples import chunk
from ragstone.types import Context, Hit


class Returning:
    """A pipeline that finds what it was given."""

    def __init__(self, *places: tuple[str, int, int]) -> None:
        self.hits = [
            Hit(replace(chunk(uri), uri=uri, start=start, end=end), rank, {})
            for rank, (uri, start, end) in enumerate(places, 1)
        ]

    async def search(self, question: str, *, k: int, context: Context) -> list[Hit]:
        assert k == 5
        return self.hits


@pytest.mark.parametrize(
    ("places", "recall", "precision"),
    [
        ([("cod", 10, 20)], 1.0, 1.0),
        ([("cod", 0, 15)], 0.5, 5 / 15),
        ([("eel", 10, 20)], 0.0, 0.0),  # the right characters of a wrong document
        ([("cod", 10, 20), ("eel", 10, 20)], 1.0, 0.5),
        ([("eel", 0, 30), ("cod", 15, 25)], 0.5, 5 / 40),
    ],
)
async def test_text_of_another_document_is_paid_for_and_never_right(places: Any, recall: float, precision: float):
    question = Question("q", "?", {"cod": 1}, spans=((10, 20),))
    figures, _ = await _chunks(question, Returning(*places), Context())  # type: ignore[arg-type]
    assert figures["recall"] == pytest.approx(recall)
    assert figures["precision"] == pytest.approx(precision)
