"""The journal: what was noted is there again, whatever cut the file short."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.connectors.chroma.changes import Change, Journal
from vectors import records

BASE = "000007-c04d21"
WRITTEN = [Change.of(records(0, 3)), Change(["c1", "größe"]), Change.of(records(3, 4))]


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """A journal that holds three changes."""
    made = Journal(tmp_path / "journal")
    for change in WRITTEN:
        made.append(BASE, change)
    return made


def same(found: list[Change], expected: list[Change]) -> bool:
    return [one.to_bytes() for one in found] == [one.to_bytes() for one in expected]


def test_changes_come_back_in_order(journal: Journal):
    found = list(journal.changes(BASE))
    assert same(found, WRITTEN)
    assert found[0].vectors is not None
    assert np.array_equal(found[0].vectors, np.array([record.vector for record in records(0, 3)]))
    assert (found[0].length, found[1].length) == (16, None)


def test_what_another_generation_lacked_does_not_count(journal: Journal):
    assert journal.waits(BASE)
    assert not journal.waits("000008-07b2e9")
    assert list(journal.changes("000008-07b2e9")) == []
    journal.append("000008-07b2e9", WRITTEN[1])
    assert same(list(journal.changes("000008-07b2e9")), WRITTEN[1:2])
    assert not journal.waits(BASE)


def test_nothing_waits_before_the_first_change(tmp_path: Path):
    journal = Journal(tmp_path / "journal")
    assert not journal.waits("")
    assert list(journal.changes("")) == []
    journal.append("", WRITTEN[1])
    journal.cut(0)
    assert not journal.waits("")
    journal.append("", WRITTEN[0])
    assert same(list(journal.changes("")), WRITTEN[:1])


@given(cut=st.integers(min_value=0, max_value=2_000), spoilt=st.booleans())
def test_a_change_that_was_cut_short_is_cut_off_and_the_next_one_follows(
    tmp_path_factory: pytest.TempPathFactory, cut: int, spoilt: bool
):
    journal = Journal(tmp_path_factory.mktemp("journal") / "journal")
    sizes = [0]
    for change in WRITTEN:
        journal.append(BASE, change)
        sizes.append(journal.size(BASE))
    cut = max(len(BASE) + 1, sizes[-1] - cut)
    whole = sum(size <= cut for size in sizes[1:])
    data = journal.path.read_bytes()[:cut]
    journal.path.write_bytes(data + b"\0" * (50 if spoilt else 0))
    assert same(list(journal.changes(BASE)), WRITTEN[:whole])
    journal.append(BASE, WRITTEN[0])
    assert same(list(journal.changes(BASE)), [*WRITTEN[:whole], WRITTEN[0]])
