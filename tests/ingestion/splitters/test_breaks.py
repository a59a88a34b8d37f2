from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.ingestion.splitters import breaks as module
from ragstone.ingestion.splitters.breaks import Break, body, breaks, stretches


@pytest.fixture
def _short_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STRETCH", 20)


@pytest.mark.parametrize(
    ("text", "headings", "first"),
    [
        ("0123456789 12\n\n5 7\n9 11", [], "0123456789 12\n\n"),
        ("0123456789 12\n4 6 8 10 12", [], "0123456789 12\n"),
        ("0123456789 12 4 6 8x0 12", [], "0123456789 12 4 6 "),
        ("0123456789012345678901234", [], "01234567890123456789"),
        ("0123456789\n\n# A\n\n78901234", [12], "0123456789\n\n"),
        ("0123456789\n\n# A\n# B\n234567", [12, 16], "0123456789\n\n"),
    ],
)
@pytest.mark.usefixtures("_short_stretches")
def test_a_stretch_ends_at_the_best_place_in_its_second_half(text: str, headings: list[int], first: str) -> None:
    start, end = next(stretches(text, headings))
    assert text[start:end] == first


@given(st.text("ab \n#。", max_size=300))
def test_stretches_make_up_the_text(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "STRETCH", 20)
        found = list(stretches(text, [at for at, sign in enumerate(text) if sign == "#"]))
    assert [found[0][0], found[-1][1]] == [0, len(text)]
    assert all(before[1] == after[0] for before, after in pairwise(found))
    assert all(end - start <= 20 for start, end in found)


@pytest.mark.parametrize(
    ("text", "under"),
    [("# A\n\n  b", 7), ("A\n===\nb", 6), ("A\r\n--\r\n\r\nb", 9), ("# A", 3), ("# A\n# B\n", 4), ("# A\n-x", 4)],
)
def test_the_body_begins_under_the_heading(text: str, under: int) -> None:
    assert body(text, 0) == under


def test_places_are_ranked_and_words_come_in_only_where_a_sentence_does_not_fit() -> None:
    text = "# A\n\nOne. Two.\n\nCod and eel."
    found = breaks(text, 0, len(text), headings=[0], fits=lambda start, end: end - start <= 12)
    assert [(text[at:][:3], kind) for at, kind in found] == [("Two", Break.SENTENCE), ("Cod", Break.PARAGRAPH)]
    found = breaks(text, 0, len(text), headings=[0], fits=lambda start, end: end - start <= 11)
    assert [text[at:][:3] for at, kind in found if kind == Break.WORD] == ["and", "eel"]
