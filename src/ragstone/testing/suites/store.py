"""The conformance suite of VectorStore."""

# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest

from ragstone.errors import IndexMismatch, UnsupportedFilter
from ragstone.protocols import FILTERS, VectorStore
from ragstone.retrieval.matching import matches
from ragstone.testing.suites.connector import CONTEXT, ConnectorSuite
from ragstone.testing.suites.samples import CHUNKS, UNKNOWN, chunk, filters_with, operators
from ragstone.types import Condition, Filter, Record

if TYPE_CHECKING:
    from ragstone.types import Vector

__all__ = ["VectorStoreSuite"]

DIMENSIONS = 16
NEAR, FAR = 0.1, 1.2  # angles to the question, in radians


def vector(angle: float = 0.0) -> Vector:
    """A vector of length 1 at an angle to the question's, which is at 0."""
    made = np.zeros(DIMENSIONS, np.float32)
    made[0], made[1] = math.cos(angle), math.sin(angle)
    return made


def scattered(count: int) -> list[Record]:
    """Records whose vectors stand far apart, the same ones in every run."""
    rows = np.random.default_rng(count).normal(size=(count, DIMENSIONS)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return [Record(chunk(f"c{at}", metadata={"at": at}), row) for at, row in enumerate(rows)]


SAMPLES = [Record(sample, vector(0.05 * at)) for at, sample in enumerate(CHUNKS)]


class VectorStoreSuite(ConnectorSuite[VectorStore]):
    """What every vector store does. `persistent`: `make` with the same folder finds what was written before.

    >>> class TestMyStore(VectorStoreSuite):
    ...     vendors, persistent = ("mystore",), True
    ...
    ...     def make(self, tmp_path: Path) -> VectorStore:
    ...         return MyStore(tmp_path)
    """

    persistent: ClassVar[bool] = False

    async def exercise(self, connector: VectorStore) -> None:
        await self.put(connector, *scattered(3))
        await self.found(connector, where=None)
        await connector.delete(["c0"], context=CONTEXT)
        assert await connector.count(context=CONTEXT) == 2

    async def put(self, store: VectorStore, *records: Record) -> None:
        """Writes records."""
        await store.upsert(records, context=CONTEXT)

    async def found(
        self, store: VectorStore, *, near: Vector | None = None, k: int = 100, where: Filter | None = None
    ) -> list[str]:
        """The ids that a search returns."""
        near = vector() if near is None else near
        return [scored.id for scored in await store.search(near, k=k, where=where, context=CONTEXT)]

    # ── Search ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def test_an_empty_store_finds_nothing(self, connector: VectorStore) -> None:
        assert await self.found(connector) == []
        assert await connector.count(context=CONTEXT) == 0
        await connector.upsert([], context=CONTEXT)
        await connector.delete(["unknown"], context=CONTEXT)
        assert await connector.count(context=CONTEXT) == 0

    async def test_the_nearest_comes_first_with_its_cosine(self, connector: VectorStore) -> None:
        angles = {"b": 0.9, "opposite": math.pi, "a": 0.3, "square": math.pi / 2}
        await self.put(connector, *(Record(chunk(name), vector(angle)) for name, angle in angles.items()))
        scored = await connector.search(vector(), k=10, context=CONTEXT)
        assert [one.id for one in scored] == ["a", "b", "square", "opposite"]
        assert [one.score for one in scored] == pytest.approx([math.cos(angles[one.id]) for one in scored], abs=1e-3)
        assert all(-1.0 <= one.score <= 1.0 for one in scored)

    @pytest.mark.parametrize("k", [0, 1, 2, 3, 4, 1000])
    async def test_at_most_k_are_found(self, connector: VectorStore, k: int) -> None:
        await self.put(connector, *scattered(3))
        assert len(await self.found(connector, k=k)) == min(k, 3)

    async def test_each_of_many_is_found(self, connector: VectorStore) -> None:
        records = scattered(1500)
        await self.put(connector, *records)
        assert await connector.count(context=CONTEXT) == 1500
        for record in records[::100]:
            assert await self.found(connector, near=record.vector, k=1) == [record.chunk.id]

    async def test_a_vector_of_another_length_is_refused(self, connector: VectorStore) -> None:
        await self.put(connector, *scattered(3))
        longer = np.ones(DIMENSIONS + 1, np.float32) / np.float32(math.sqrt(DIMENSIONS + 1))
        with pytest.raises(IndexMismatch):
            await self.found(connector, near=longer)
        with pytest.raises(IndexMismatch):
            await self.put(connector, Record(chunk("longer"), longer))
        assert await connector.count(context=CONTEXT) == 3

    # ── Writing ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def test_an_upsert_replaces_the_vector(self, connector: VectorStore) -> None:
        await self.put(connector, Record(chunk("a"), vector(NEAR)), Record(chunk("b"), vector(FAR / 2)))
        await self.put(connector, Record(chunk("a"), vector(FAR)))
        assert await self.found(connector) == ["b", "a"]
        assert await connector.count(context=CONTEXT) == 2

    async def test_the_last_record_with_an_id_counts(self, connector: VectorStore) -> None:
        await self.put(
            connector,
            Record(chunk("a"), vector(NEAR)),
            Record(chunk("b"), vector(FAR / 2)),
            Record(chunk("a"), vector(FAR)),
        )
        assert await self.found(connector) == ["b", "a"]

    async def test_an_upsert_replaces_the_metadata_whole(self, connector: VectorStore) -> None:
        self.needs("eq", "exists", "contains", connector=connector)
        before = chunk("a", metadata={"lang": "en", "year": 1998, "tags": ["law"], "kind": "note"})
        after = chunk("a", metadata={"lang": "de", "kind": 7})
        await self.put(connector, Record(before, vector()))
        await self.put(connector, Record(after, vector()))
        for where in (
            Condition("lang", "eq", "en"),
            Condition("year", "exists", True),
            Condition("kind", "eq", "note"),
        ):
            assert await self.found(connector, where=where) == []
        assert await self.found(connector, where=Condition("tags", "contains", "law")) == []
        assert await self.found(connector, where=Condition("lang", "eq", "de")) == ["a"]
        assert await self.found(connector, where=Condition("kind", "eq", 7)) == ["a"]

    async def test_what_is_deleted_is_not_found(self, connector: VectorStore) -> None:
        await self.put(connector, *scattered(5))
        await connector.delete(["c1", "c3", "c3", "unknown"], context=CONTEXT)
        await connector.delete([], context=CONTEXT)
        assert sorted(await self.found(connector)) == ["c0", "c2", "c4"]
        assert await connector.count(context=CONTEXT) == 3

    async def test_what_was_deleted_can_come_back(self, connector: VectorStore) -> None:
        (record,) = scattered(1)
        await self.put(connector, record)
        await connector.delete([record.chunk.id], context=CONTEXT)
        await self.put(connector, record)
        assert await self.found(connector) == [record.chunk.id]

    async def test_a_store_can_be_emptied_and_filled_again(self, connector: VectorStore) -> None:
        await self.put(connector, *scattered(20))
        await connector.delete([f"c{at}" for at in range(20)], context=CONTEXT)
        assert await self.found(connector) == []
        await self.put(connector, *scattered(5))
        assert len(await self.found(connector)) == 5

    async def test_ids_and_values_may_be_of_any_script(self, connector: VectorStore) -> None:
        names = ["größe", "日本語", "עברית", "नमस्ते", "👩‍🚀", "a b/c?d=e#f", "'; --", "x" * 300]
        records = [Record(chunk(name, acl=[name], metadata={"name": name}), vector(NEAR)) for name in names]
        await self.put(connector, *records)
        assert sorted(await self.found(connector)) == sorted(names)
        for name in names:
            if "eq" in connector.capabilities.filters:
                assert await self.found(connector, where=Condition("name", "eq", name)) == [name]
            if "in" in connector.capabilities.filters:
                assert await self.found(connector, where=Condition("acl", "in", [name])) == [name]

    # ── Filters ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def needs(self, *operators: str, connector: VectorStore) -> None:
        """Skips the test where the store lacks an operator."""
        lacking = set(operators) - connector.capabilities.filters
        if lacking:
            pytest.skip("lacks " + ", ".join(sorted(lacking)))

    @pytest.mark.parametrize("operator", sorted(FILTERS))
    async def test_an_operator_means_what_the_language_says(self, connector: VectorStore, operator: str) -> None:
        await self.put(connector, *SAMPLES)
        for where in filters_with(operator):
            if operators(where) <= connector.capabilities.filters:
                expected = {sample.id for sample in CHUNKS if matches(where, sample)}
                assert set(await self.found(connector, where=where)) == expected, where
            else:
                with pytest.raises(UnsupportedFilter):
                    await self.found(connector, where=where)

    @pytest.mark.parametrize("where", UNKNOWN, ids=["like", "xor"])
    async def test_an_unknown_operator_is_never_ignored(self, connector: VectorStore, where: Filter) -> None:
        await self.put(connector, *SAMPLES)
        with pytest.raises(UnsupportedFilter, match=r"like|xor"):
            await self.found(connector, where=where)

    async def test_a_filter_runs_before_the_best_are_taken(self, connector: VectorStore) -> None:
        self.needs("in", connector=connector)
        near = [Record(chunk(f"near{at}"), vector(NEAR + at * 1e-5)) for at in range(400)]
        far = [Record(chunk(f"far{at}", acl=["ana"]), vector(FAR + at * 1e-2)) for at in range(3)]
        await self.put(connector, *near, *far)
        where = Condition("acl", "in", ["ana"])
        assert await self.found(connector, k=3, where=where) == ["far0", "far1", "far2"]

    # ── Permissions ─────────────────────────────────────────────────────────────────────────────────────────────────

    @pytest.mark.parametrize(
        ("principals", "visible"),
        [
            (["public"], {"open"}),
            (["public", "ana"], {"open", "ana's", "both's"}),
            (["bo", "group:hr"], {"both's"}),
            (["an", "Ana", "nobody", ""], set[str]()),
            ([], set[str]()),
        ],
    )
    async def test_only_what_the_principals_may_see_is_found(
        self, connector: VectorStore, principals: list[str], visible: set[str]
    ) -> None:
        self.needs("in", connector=connector)
        acls = {"open": ["public"], "ana's": ["ana"], "both's": ["bo", "ana"], "nobody's": []}
        await self.put(connector, *(Record(chunk(name, acl=acl), vector(NEAR)) for name, acl in acls.items()))
        assert set(await self.found(connector, where=Condition("acl", "in", principals))) == visible

    async def test_thousands_of_principals_are_no_trouble(self, connector: VectorStore) -> None:
        self.needs("in", connector=connector)
        await self.put(connector, Record(chunk("a", acl=["user:1999"]), vector()), Record(chunk("b"), vector()))
        principals = [f"user:{number}" for number in range(2000)]
        assert await self.found(connector, where=Condition("acl", "in", principals)) == ["a"]

    async def test_a_revoked_permission_is_gone_at_once(self, connector: VectorStore) -> None:
        self.needs("in", connector=connector)
        (record,) = scattered(1)
        await self.put(connector, replace(record, chunk=replace(record.chunk, acl=("ana", "bo"))))
        await self.put(connector, replace(record, chunk=replace(record.chunk, acl=("bo",))))
        assert await self.found(connector, where=Condition("acl", "in", ["ana"])) == []
        await self.put(connector, replace(record, chunk=replace(record.chunk, acl=())))
        assert await self.found(connector, where=Condition("acl", "in", ["ana", "bo"])) == []

    # ── Several at once, and again ──────────────────────────────────────────────────────────────────────────────────

    async def test_calls_may_come_at_once(self, connector: VectorStore) -> None:
        records = scattered(200)
        parts = [records[at : at + 10] for at in range(0, 200, 10)]
        await asyncio.gather(*(self.put(connector, *part) for part in parts), *(self._look(connector) for _ in parts))
        assert await connector.count(context=CONTEXT) == 200
        found = await asyncio.gather(*(self.found(connector, near=record.vector, k=1) for record in records[::5]))
        assert found == [[record.chunk.id] for record in records[::5]]

    async def _look(self, store: VectorStore) -> None:
        await self.found(store)
        await store.count(context=CONTEXT)

    async def test_what_was_written_is_there_when_it_is_opened_again(
        self, connector: VectorStore, tmp_path: Path
    ) -> None:
        if not self.persistent:
            pytest.skip("keeps nothing")
        await self.put(connector, *SAMPLES, *scattered(50))
        await connector.delete(["c7"], context=CONTEXT)
        before = await self.everything(connector)
        await connector.close()
        again = self.make(tmp_path)
        assert await self.everything(again) == before
        await self.put(again, Record(chunk("more"), vector()))
        assert await again.count(context=CONTEXT) == len(CHUNKS) + 50
        await again.close()

    async def everything(self, store: VectorStore) -> Sequence[Any]:
        """What a few searches return."""
        public = Condition("acl", "in", ["public"]) if "in" in store.capabilities.filters else None
        return [
            await store.count(context=CONTEXT),
            await self.found(store, k=30),
            await self.found(store, k=30, where=public),
        ]


def _operators(where: Filter) -> set[str]:
    if isinstance(where, Condition):
        return {where.op}
    return {where.op}.union(*(_operators(part) for part in where.parts))
