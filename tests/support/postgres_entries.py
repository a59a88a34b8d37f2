"""What the tests of Postgres write, the same in every process, and what must hold of the tables afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import psycopg

from ragstone.connectors.pgvector import PgLexicalIndex, PgVectorStore
from ragstone.testing.suites.samples import chunk
from ragstone.types import Context, Entry, Record

CONTEXT = Context()
DIMENSIONS = 16

BEGINNING = """
import asyncio, sys
from postgres_entries import *
url, collection, first, last = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
store, index = parts(url, collection)
"""


def parts(url: str, collection: str) -> tuple[PgVectorStore, PgLexicalIndex]:
    """Both connectors to one collection."""
    return PgVectorStore(url=url, collection=collection), PgLexicalIndex(url=url, collection=collection)


def records(ats: Sequence[int]) -> list[Record]:
    """Vectors that stand far apart; every tenth chunk is Ana's alone."""
    made: list[Record] = []
    for at in ats:
        vector = np.random.default_rng(at).normal(size=DIMENSIONS).astype(np.float32)
        acl = ["ana"] if at % 10 == 0 else ["public"]
        made.append(Record(chunk(f"c{at}", acl=acl, metadata={"at": at}), vector / np.linalg.norm(vector)))
    return made


def entries(ats: Sequence[int]) -> list[Entry]:
    """Terms of which some stand in every chunk, some in one."""
    return [
        Entry(record.chunk, ["word", f"own{at}", *[f"seventh{at % 7}"] * (at % 5)])
        for at, record in zip(ats, records(ats), strict=True)
    ]


async def write(store: PgVectorStore, index: PgLexicalIndex, ats: Sequence[int]) -> None:
    """Writes chunks into both."""
    await store.upsert(records(ats), context=CONTEXT)
    await index.upsert(entries(ats), context=CONTEXT)


async def lost(store: PgVectorStore, index: PgLexicalIndex, ats: Sequence[int]) -> list[int]:
    """Those of the chunks that a search for them does not find."""
    found: list[int] = []
    for at, record in zip(ats, records(ats), strict=True):
        near = await store.search(record.vector, k=1, context=CONTEXT)
        matching = await index.search([f"own{at}"], k=1, context=CONTEXT)
        if not [one.id for one in near] == [one.id for one in matching] == [f"c{at}"]:
            found.append(at)
    return found


def require_exact(url: str, collection: str) -> None:
    """Fails where a count is not that of the postings, or a posting has no entry."""
    tables = {part: f'ragstone."{collection}.{part}"' for part in ("entries", "postings", "terms", "statistics")}
    with psycopg.connect(url) as connection:
        for wrong in (
            "SELECT t.number, t.entries, count(p.entry) FROM {terms} t LEFT JOIN {postings} p ON p.term = t.number"
            " GROUP BY t.number, t.entries HAVING t.entries <> count(p.entry)",
            "SELECT e.id FROM {entries} e LEFT JOIN {postings} p ON p.entry = e.number"
            " GROUP BY e.id, e.length HAVING e.length <> coalesce(sum(p.times), 0)",
            "SELECT p.* FROM {postings} p LEFT JOIN {entries} e ON e.number = p.entry WHERE e.number IS NULL",
            "SELECT s.* FROM {statistics} s, (SELECT count(*) AS n, coalesce(sum(length), 0) AS l FROM {entries}) e"
            " WHERE s.entries <> e.n OR s.length <> e.l",
        ):
            assert connection.execute(wrong.format(**tables).encode()).fetchall() == [], wrong


def process(code: str, url: str, collection: str, first: int = 0, last: int = 0) -> subprocess.Popen[str]:
    """Another process that runs `code`, in which `store`, `index`, `first` and `last` are set."""
    return subprocess.Popen(
        [sys.executable, "-c", BEGINNING + code, url, collection, str(first), str(last)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
