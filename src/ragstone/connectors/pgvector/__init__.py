"""Postgres: vectors (pgvector) and BM25 in one database, asked together in one statement.

store.py      PgVectorStore: the protocol of vector stores, and the question to both
lexical.py    PgLexicalIndex: BM25 over a table of postings
tables.py     PgDatabase: tables of ours, such as those of conversations
names.py      a collection's tables, and who writes them one at a time
where.py      our filters in SQL, and what of a chunk they look at
database.py   connections for many threads: retried, cancelled, given back
faults.py     Postgres' errors made ours
"""

from ragstone.connectors.pgvector.lexical import PgLexicalIndex
from ragstone.connectors.pgvector.store import PgVectorStore
from ragstone.connectors.pgvector.tables import PgDatabase

__all__ = ["PgDatabase", "PgLexicalIndex", "PgVectorStore"]
