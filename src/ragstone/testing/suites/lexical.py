"""The conformance suite of LexicalIndex."""

# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from ragstone.errors import UnsupportedFilter
from ragstone.protocols import FILTERS, LexicalIndex
from ragstone.retrieval.matching import matches
from ragstone.testing.suites.connector import CONTEXT, ConnectorSuite
from ragstone.testing.suites.samples import CHUNKS, UNKNOWN, chunk, filters_with, operators
from ragstone.types import Condition, Entry, Filter

__all__ = ["LexicalIndexSuite"]

SAMPLES = [Entry(sample, ["word", *["more"] * at]) for at, sample in enumerate(CHUNKS)]
EVERYWHERE = "word"


def entry(name: str, terms: str, *, acl: Sequence[str] = ("public",)) -> Entry:
    """An entry from terms with spaces between them."""
    return Entry(chunk(name, acl=acl), terms.split())


class LexicalIndexSuite(ConnectorSuite[LexicalIndex]):
    """What every lexical index does. `persistent`: `make` with the same folder finds what was written before.

    >>> class TestMyIndex(LexicalIndexSuite):
    ...     vendors, persistent = ("myindex",), True
    ...
    ...     def make(self, tmp_path: Path) -> LexicalIndex:
    ...         return MyIndex(tmp_path)
    """

    persistent: ClassVar[bool] = False

    async def exercise(self, connector: LexicalIndex) -> None:
        await self.put(connector, entry("a", "apple"), entry("b", "apple pear"))
        await self.found(connector, "apple")
        await connector.delete(["a"], context=CONTEXT)
        assert await connector.count(context=CONTEXT) == 1

    async def put(self, index: LexicalIndex, *entries: Entry) -> None:
        """Writes entries."""
        await index.upsert(entries, context=CONTEXT)

    async def found(self, index: LexicalIndex, terms: str, *, k: int = 100, where: Filter | None = None) -> list[str]:
        """The ids that a search returns."""
        return [scored.id for scored in await index.search(terms.split(), k=k, where=where, context=CONTEXT)]

    # ── Search ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def test_an_empty_index_finds_nothing(self, connector: LexicalIndex) -> None:
        assert await self.found(connector, "word") == []
        assert await connector.count(context=CONTEXT) == 0
        await connector.upsert([], context=CONTEXT)
        await connector.delete(["unknown"], context=CONTEXT)
        assert await connector.count(context=CONTEXT) == 0

    async def test_only_what_holds_a_term_is_found(self, connector: LexicalIndex) -> None:
        await self.put(connector, entry("a", "apple"), entry("b", "pear"), entry("c", "apple pear"), entry("d", "fig"))
        assert set(await self.found(connector, "apple")) == {"a", "c"}
        assert set(await self.found(connector, "apple pear")) == {"a", "b", "c"}
        assert await self.found(connector, "melon") == []
        assert await self.found(connector, "app") == []
        assert await self.found(connector, "") == []

    async def test_bm25_ranks(self, connector: LexicalIndex) -> None:
        padding = " ".join(f"filler{at}" for at in range(40))
        await self.put(
            connector,
            entry("twice", "apple apple plum fig"),
            entry("once", "apple cherry plum fig"),
            entry("long", f"apple {padding}"),
            entry("rare", "quince cherry plum fig"),
            *(entry(f"o{at}", "plum fig") for at in range(10)),
        )
        assert await self.found(connector, "apple") == ["twice", "once", "long"]  # more often, then in less text
        assert (await self.found(connector, "apple quince plum"))[0] == "rare"  # the rarest term weighs most
        assert (await self.found(connector, "apple cherry"))[0] == "once"  # two terms before one of them twice

    async def test_scores_are_positive_and_fall(self, connector: LexicalIndex) -> None:
        await self.put(connector, *(entry(f"e{at}", "word " + "more " * at) for at in range(20)))
        scores = [scored.score for scored in await connector.search(["word"], k=20, context=CONTEXT)]
        assert scores == sorted(scores, reverse=True)
        assert scores[-1] > 0  # even of a term that every entry holds

    @pytest.mark.parametrize("k", [0, 1, 2, 3, 4, 1000])
    async def test_at_most_k_are_found(self, connector: LexicalIndex, k: int) -> None:
        await self.put(connector, *(entry(f"e{at}", "word") for at in range(3)))
        assert len(await self.found(connector, "word", k=k)) == min(k, 3)

    async def test_each_of_many_is_found(self, connector: LexicalIndex) -> None:
        await self.put(connector, *(entry(f"e{at}", f"word own{at}") for at in range(1500)))
        assert await connector.count(context=CONTEXT) == 1500
        for at in range(0, 1500, 100):
            assert await self.found(connector, f"own{at}") == [f"e{at}"]

    async def test_a_term_is_taken_as_it_is(self, connector: LexicalIndex) -> None:
        terms = [
            "Apple",
            "apple",
            "größe",
            "日本",
            "👩‍🚀",
            "AND",
            "a*",
            "c++",
            '"x"',
            "field:x",
            "-x",
            "x" * 300,
            "1.5",
        ]
        await self.put(connector, *(entry(f"e{at}", term) for at, term in enumerate(terms)))
        for at, term in enumerate(terms):
            assert await self.found(connector, term) == [f"e{at}"]

    # ── Writing ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def test_an_upsert_replaces(self, connector: LexicalIndex) -> None:
        await self.put(connector, entry("a", "apple"), entry("b", "pear"))
        await self.put(connector, entry("a", "fig"), entry("c", "plum"), entry("c", "melon"))
        assert await self.found(connector, "apple plum") == []
        assert set(await self.found(connector, "fig pear melon")) == {"a", "b", "c"}
        assert await connector.count(context=CONTEXT) == 3

    async def test_what_is_deleted_is_not_found(self, connector: LexicalIndex) -> None:
        await self.put(connector, *(entry(f"e{at}", "word") for at in range(5)))
        await connector.delete(["e1", "e3", "e3", "unknown"], context=CONTEXT)
        await connector.delete([], context=CONTEXT)
        assert sorted(await self.found(connector, "word")) == ["e0", "e2", "e4"]
        assert await connector.count(context=CONTEXT) == 3

    async def test_what_was_deleted_counts_in_no_score(self, connector: LexicalIndex, tmp_path: Path) -> None:
        kept = [entry("a", "apple pear"), entry("b", "apple apple plum"), entry("c", "fig")]
        await self.put(connector, *kept, *(entry(f"e{at}", "apple " * (at + 1) + "melon") for at in range(30)))
        await self.put(connector, entry("a", "melon " * 50))
        await self.put(connector, kept[0])
        await connector.delete([f"e{at}" for at in range(30)], context=CONTEXT)
        fresh = self.make(tmp_path / "fresh")
        await self.put(fresh, *kept)
        scores = [
            {one.id: one.score for one in await index.search(["apple", "fig"], k=9, context=CONTEXT)}
            for index in (connector, fresh)
        ]
        await fresh.close()
        assert scores[0] == pytest.approx(scores[1])

    # ── Filters and permissions ─────────────────────────────────────────────────────────────────────────────────────

    @pytest.mark.parametrize("operator", sorted(FILTERS))
    async def test_an_operator_means_what_the_language_says(self, connector: LexicalIndex, operator: str) -> None:
        await self.put(connector, *SAMPLES)
        for where in filters_with(operator):
            if operators(where) <= connector.capabilities.filters:
                expected = {sample.id for sample in CHUNKS if matches(where, sample)}
                assert set(await self.found(connector, EVERYWHERE, where=where)) == expected, where
            else:
                with pytest.raises(UnsupportedFilter):
                    await self.found(connector, EVERYWHERE, where=where)

    @pytest.mark.parametrize("where", UNKNOWN, ids=["like", "xor"])
    async def test_an_unknown_operator_is_never_ignored(self, connector: LexicalIndex, where: Filter) -> None:
        await self.put(connector, *SAMPLES)
        with pytest.raises(UnsupportedFilter, match=r"like|xor"):
            await self.found(connector, EVERYWHERE, where=where)

    async def test_a_filter_changes_no_score_and_runs_before_the_best_are_taken(self, connector: LexicalIndex) -> None:
        best = [entry(f"best{at}", "word word") for at in range(300)]
        await self.put(connector, *best, entry("a", "word fig plum", acl=["ana"]), entry("b", "word", acl=["ana"]))
        free = {one.id: one.score for one in await connector.search(["word"], k=999, context=CONTEXT)}
        where = Condition("acl", "in", ["ana"])
        filtered = await connector.search(["word"], k=2, where=where, context=CONTEXT)
        assert [(one.id, one.score) for one in filtered] == [
            ("b", pytest.approx(free["b"])),
            ("a", pytest.approx(free["a"])),
        ]

    async def test_only_what_the_principals_may_see_is_found(self, connector: LexicalIndex) -> None:
        acls = {"open": ["public"], "ana's": ["ana"], "nobody's": list[str]()}
        await self.put(connector, *(entry(name, "word", acl=acl) for name, acl in acls.items()))
        for principals, visible in (
            (["public"], {"open"}),
            (["ana", "bo"], {"ana's"}),
            (["", "An"], set[str]()),
            ([], set[str]()),
        ):
            assert set(await self.found(connector, "word", where=Condition("acl", "in", principals))) == visible

    async def test_a_revoked_permission_is_gone_at_once(self, connector: LexicalIndex) -> None:
        before = entry("a", "word", acl=["ana", "bo"])
        await self.put(connector, before)
        await self.put(connector, replace(before, chunk=replace(before.chunk, acl=("bo",))))
        assert await self.found(connector, "word", where=Condition("acl", "in", ["ana"])) == []

    # ── Several at once, and again ──────────────────────────────────────────────────────────────────────────────────

    async def test_calls_may_come_at_once(self, connector: LexicalIndex) -> None:
        entries = [entry(f"e{at}", f"word own{at}") for at in range(40)]
        await asyncio.gather(
            *(self.put(connector, *entries[at : at + 10]) for at in range(0, 40, 10)),
            *(self.found(connector, "word") for _ in range(10)),
        )
        assert await connector.count(context=CONTEXT) == 40
        found = await asyncio.gather(*(self.found(connector, f"own{at}") for at in range(40)))
        assert found == [[f"e{at}"] for at in range(40)]

    async def test_what_was_written_is_there_when_it_is_opened_again(
        self, connector: LexicalIndex, tmp_path: Path
    ) -> None:
        if not self.persistent:
            pytest.skip("keeps nothing")
        await self.put(connector, *SAMPLES)
        await connector.delete(["bare"], context=CONTEXT)
        before = await connector.search([EVERYWHERE], k=99, context=CONTEXT)
        await connector.close()
        again = self.make(tmp_path)
        assert await again.search([EVERYWHERE], k=99, context=CONTEXT) == before
        await self.put(again, entry("later", EVERYWHERE))
        assert await again.count(context=CONTEXT) == len(CHUNKS)
        await again.close()
