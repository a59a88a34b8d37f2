"""The tables of `project.db`, and nothing that knows why.

A document is `live` once its chunks are in every index. Until then it is `new` (never was live), `changed`, or
`relabelled` (only its permissions differ from what the indexes hold), and the next ingestion completes it from here.
`orphans` are chunks that are gone from here and have still to go from the indexes. `forgotten` uris stay out. Rows
belong to an edition of a pipeline: a rebuild fills a new one beside the one that `editions` names, and takes its place.
`stale` documents have changed or gone, and the caches have still to forget what rests on them. `flags` are what checks
have found in documents at ingestion; what was `dropped` is in no index. A document's `ingestion` is the trace of the
run that wrote it last.
"""

from __future__ import annotations

VERSION = 5

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
  parent       TEXT NOT NULL,
  verbatim     INTEGER NOT NULL,
  state        TEXT NOT NULL CHECK (state IN ('new', 'changed', 'relabelled', 'live')),
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
  parent_start INTEGER,
  parent_end   INTEGER,
  context      TEXT NOT NULL,
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

CREATE TABLE editions (
  pipeline     TEXT NOT NULL,
  tenant       TEXT NOT NULL,
  number       INTEGER NOT NULL,
  PRIMARY KEY (pipeline, tenant)
) WITHOUT ROWID;

CREATE TABLE forgotten (
  tenant       TEXT NOT NULL,
  uri          TEXT NOT NULL,
  PRIMARY KEY (tenant, uri)
) WITHOUT ROWID;
"""

STALE = """
CREATE TABLE stale (
  tenant       TEXT NOT NULL,
  id           TEXT NOT NULL,
  PRIMARY KEY (tenant, id)
) WITHOUT ROWID;
"""

FLAGS = """
CREATE TABLE flags (
  pipeline     TEXT NOT NULL,
  document_id  TEXT NOT NULL,
  start        INTEGER NOT NULL,
  end          INTEGER NOT NULL,
  page         INTEGER,
  line         INTEGER,
  name         TEXT NOT NULL,
  action       TEXT NOT NULL,
  reason       TEXT NOT NULL
);
CREATE INDEX flags_by_document ON flags (pipeline, document_id);
"""

# It stands behind the text, where a file of an older version can take it, so the index answers for it.
INGESTIONS = """
ALTER TABLE documents ADD COLUMN ingestion TEXT NOT NULL DEFAULT '';
CREATE INDEX documents_by_ingestion ON documents (pipeline, id, ingestion);
"""
