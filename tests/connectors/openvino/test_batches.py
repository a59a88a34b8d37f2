"""Which rows are run together."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ragstone.connectors.openvino.batches import MOST_ROWS, MOST_TOKENS, SHORT, STEP, STEP_OF_SHORT, Batch, batches


@given(st.lists(st.integers(2, 512), max_size=200).filter(lambda lengths: len(lengths) != 1))
def test_batches_hold_every_row_once_in_few_shapes(lengths: list[int]) -> None:
    found = list(batches(lengths))
    assert sorted(row for batch in found for row in batch.rows) == list(range(len(lengths)))
    for batch in found:
        longest = max(lengths[row] for row in batch.rows)
        assert batch.width % STEP == 0
        assert longest <= batch.width < longest + STEP
        assert len(batch.rows) in {1, 2, 4, 8, MOST_ROWS}
        assert len(batch.rows) * batch.width <= MOST_TOKENS
    widths = [batch.width for batch in found]
    assert widths == sorted(widths, reverse=True)


@given(st.integers(2, 512))
def test_a_short_row_alone_has_little_padding(length: int) -> None:
    (found,) = batches([length])
    step = STEP_OF_SHORT if length <= SHORT else STEP
    assert found == Batch(rows=(0,), width=-(-length // step) * step)
