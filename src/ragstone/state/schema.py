"""The tables of `project.db`, and nothing that knows why.

A document is `live` once its chunks are in every index. Until then it is `new` (never was live) or `changed`, and the
next ingestion does it again. `orphans` are chunks that are gone from here and have still to go from the indexes.
"""

from __future__ import annotations

VERSION = 1

# Large columns stand last: SQLite reads a row from its beginning, and no search needs a document's text.
TABLES = """
CREATE TABLE documents (
  pipeline     TEXT NOT NULL,
  id           TEXT NOT NULL,
  tenant       TEXT NOT NULL,
  source       TEXT NOT NULL,
  uri          TEXT NOT NULL,
  title        TEXT NOT NULL,
  media_type   TEXT NOT NULL,
  language     TEXT NOT NULL,
  metadata     TEXT NOT NULL,
  acl          TEXT NOT NULL,
  warnings     TEXT NOT NULL,
  content_hash TEXT NOT NULL,
  version      TEXT NOT NULL,
  fingerprint  TEXT NOT NULL,
  state        TEXT NOT NULL CHECK (state IN ('new', 'changed', 'live')),
  spans        TEXT NOT NULL,
  text         TEXT NOT NULL,
  PRIMARY KEY (pipeline, id)
);
CREATE INDEX documents_by_source ON documents (pipeline, tenant, source);
CREATE INDEX documents_facts ON documents (pipeline, tenant, fingerprint, language, state, id);
CREATE INDEX documents_not_public ON documents (pipeline, tenant) WHERE acl <> '["public"]';

CREATE TABLE chunks (
  pipeline     TEXT NOT NULL,
  id           TEXT NOT NULL,
  document_id  TEXT NOT NULL,
  start        INTEGER NOT NULL,
  end          INTEGER NOT NULL,
  line         INTEGER,
  text         TEXT NOT NULL,
  spans        TEXT NOT NULL,
  PRIMARY KEY (pipeline, id)
);
CREATE INDEX chunks_by_document ON chunks (pipeline, document_id);

CREATE TABLE orphans (
  pipeline     TEXT NOT NULL,
  tenant       TEXT NOT NULL,
  id           TEXT NOT NULL,
  PRIMARY KEY (pipeline, tenant, id)
) WITHOUT ROWID;

CREATE TABLE failures (
  pipeline     TEXT NOT NULL,
  tenant       TEXT NOT NULL,
  source       TEXT NOT NULL,
  uri          TEXT NOT NULL,
  reason       TEXT NOT NULL,
  PRIMARY KEY (pipeline, tenant, source, uri)
) WITHOUT ROWID;
"""
